package dev.quire.tests;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.quire.emulator.boot.BootLoader;
import dev.quire.emulator.boot.BootPlan;
import dev.quire.emulator.boot.BootRequest;
import dev.quire.emulator.boot.GuestFile;
import dev.quire.emulator.machine.MachineConfig;
import dev.quire.emulator.machine.Pacing;
import dev.quire.emulator.machine.RunResult;
import dev.quire.emulator.machine.VirtualMachine;
import dev.quire.kernel.mm.HostPagePolicy;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/** Boots built-in guests for tests. */
final class Guests {
  static final long MEMORY_BYTES = 64L << 20;

  /** More than any built-in guest that ends needs. */
  static final long ENOUGH_INSTRUCTIONS = 500_000_000L;

  private static final String FOLDER = "/dev/quire/images/";

  private Guests() {}

  /** One line of the manifest. */
  record Image(String name, String expected, String status, int cpus) {
    @Override
    public String toString() {
      return name;
    }
  }

  /** A run and what it printed. */
  record Run(RunResult result, String console) {
    String lastLine() {
      return console.strip().lines().reduce((first, second) -> second).orElse("");
    }

    /** Everything of the result but what describes the engine. */
    String comparable() {
      StringBuilder text = new StringBuilder();
      text.append(result.status()).append(' ').append(result.instructions());
      text.append(' ').append(result.virtualNanos()).append(' ').append(result.stage2());
      for (RunResult.VcpuResult vcpu : result.vcpus()) {
        text.append('\n').append(withoutEngine(vcpu));
      }
      return text.append('\n').append(console).toString();
    }
  }

  /** What a vCPU's run counted, less what depends on the engine's own caches. */
  static RunResult.VcpuResult withoutEngine(RunResult.VcpuResult vcpu) {
    return new RunResult.VcpuResult(
        vcpu.vcpu(),
        vcpu.instructions(),
        vcpu.guestFaults(),
        vcpu.stage2Faults(),
        vcpu.interrupts(),
        vcpu.halts(),
        vcpu.ioExits(),
        vcpu.mmioExits(),
        vcpu.exceptions(),
        vcpu.pageFaults(),
        vcpu.mmu(),
        Map.of());
  }

  static List<Image> manifest() {
    try (InputStream stream = Guests.class.getResourceAsStream(FOLDER + "manifest.json")) {
      List<Image> images = new ArrayList<>();
      for (JsonNode image : new ObjectMapper().readTree(stream).get("images")) {
        images.add(
            new Image(
                image.get("name").asText(),
                image.get("expected").asText(),
                image.get("status").asText(),
                image.get("cpus").asInt()));
      }
      return images;
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  static byte[] bytes(String name) {
    try (InputStream stream = Guests.class.getResourceAsStream(FOLDER + name)) {
      return stream.readAllBytes();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  static BootPlan plan(String name, int cpus, String arguments) {
    GuestFile file = new GuestFile(name, bytes(name));
    return BootLoader.plan(new BootRequest(file, null, arguments, MEMORY_BYTES, cpus, null));
  }

  static Run run(BootPlan plan, long maxInstructions, Pacing pacing) {
    StringBuilder console = new StringBuilder();
    MachineConfig config =
        new MachineConfig(
            HostPagePolicy.BASE,
            1,
            maxInstructions,
            value -> console.append((char) (value & 0xff)));
    try (VirtualMachine machine = VirtualMachine.create(config, plan, pacing)) {
      return new Run(machine.run(), console.toString());
    }
  }

  static Run run(String name, int cpus, String arguments) {
    return run(plan(name, cpus, arguments), ENOUGH_INSTRUCTIONS, Pacing.STANDARD);
  }

  static byte[] ascii(String text) {
    return text.getBytes(StandardCharsets.US_ASCII);
  }
}
