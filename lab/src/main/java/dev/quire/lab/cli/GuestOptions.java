package dev.quire.lab.cli;

import dev.quire.emulator.boot.BootRequest;
import dev.quire.emulator.boot.GuestFile;
import java.util.List;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** Which guest to boot, and on what machine; the same for every command that boots one. */
public final class GuestOptions {
  @Parameters(index = "0", paramLabel = "GUEST", description = "Built-in guest or file.")
  String name;

  @Parameters(index = "1..*", paramLabel = "ARG", description = "Arguments for the guest.")
  List<String> arguments = List.of();

  @Option(
      names = "--arch",
      paramLabel = "ARCH",
      description = "x86_64 or arm64; the guest's own format tells if not given.")
  String arch;

  @Option(
      names = "--memory",
      paramLabel = "SIZE",
      converter = MemorySize.Converter.class,
      description = "Guest memory, such as 64M or 1G (default: 64M, or what the guest asks for).")
  MemorySize memory;

  @Option(names = "--smp", paramLabel = "N", description = "Virtual CPUs (default: 1).")
  Integer vcpus;

  @Option(names = "--initrd", paramLabel = "FILE", description = "Initial RAM disk.")
  String initrd;

  @Option(names = "--append", paramLabel = "TEXT", description = "Kernel command line.")
  String append = "";

  /** What to boot; a failure with one line for the user if it cannot be. */
  BootRequest request(GuestChoice choice) {
    return choice
        .request(arguments, memory, vcpus, arch)
        .withCommandLine(commandLine())
        .withInitrd(initrd == null ? null : GuestFile.read(GuestChoice.path(initrd)));
  }

  private String commandLine() {
    StringBuilder line = new StringBuilder(append);
    for (String argument : arguments) {
      line.append(line.isEmpty() ? "" : " ").append(argument);
    }
    return line.toString();
  }
}
