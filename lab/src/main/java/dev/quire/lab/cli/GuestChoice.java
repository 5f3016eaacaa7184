package dev.quire.lab.cli;

import dev.quire.emulator.boot.BootRequest;
import dev.quire.emulator.boot.GuestArchitecture;
import dev.quire.emulator.boot.GuestFile;
import dev.quire.emulator.machine.MachineConfig;
import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.util.List;

/**
 * A guest that was asked for: a built-in one by name, or any file.
 *
 * @param file its bytes
 * @param image null for a file
 */
record GuestChoice(GuestFile file, GuestImage image) {
  /** By name first, then as a file; a failure with one line for the user if it is neither. */
  static GuestChoice of(String guest) {
    GuestCatalogue catalogue = GuestCatalogue.builtIn();
    GuestImage image = catalogue.find(guest);
    if (image != null) {
      return new GuestChoice(new GuestFile(guest, catalogue.bytes(image)), image);
    }
    if (!guest.contains("/") && !Files.exists(path(guest))) {
      String nearest = catalogue.nearest(guest);
      throw CommandFailure.usage(
          "unknown guest '"
              + guest
              + "': neither a built-in guest nor a file"
              + (nearest == null ? "" : "; did you mean " + nearest + "?")
              + " ('quire images' lists the built-in ones)");
    }
    return new GuestChoice(GuestFile.read(path(guest)), null);
  }

  /**
   * What to boot.
   *
   * @param memory null for what the guest asks for
   * @param vcpus null for what the guest asks for
   * @param arch null to go by the file
   */
  BootRequest request(List<String> arguments, MemorySize memory, Integer vcpus, String arch) {
    GuestArchitecture wanted = arch == null ? null : GuestArchitecture.named(arch);
    if (arch != null && wanted == null) {
      throw CommandFailure.usage("--arch '" + arch + "' is not one of x86_64, arm64");
    }
    int cpus = vcpus != null ? vcpus : image != null ? image.cpus() : 1;
    if (cpus < 1 || cpus > MachineConfig.MOST_VCPUS) {
      throw CommandFailure.usage(
          "--smp " + cpus + " is out of range: 1 to " + MachineConfig.MOST_VCPUS);
    }
    MemorySize usual = image != null ? image.memory() : MemorySize.parse("64M");
    return new BootRequest(
        file,
        null,
        String.join(" ", arguments),
        (memory != null ? memory : usual).bytes(),
        cpus,
        wanted);
  }

  /** The path of that name. */
  static Path path(String name) {
    try {
      return Path.of(name);
    } catch (InvalidPathException e) {
      throw CommandFailure.usage("'" + name + "' is not a path: " + e.getReason(), e);
    }
  }
}
