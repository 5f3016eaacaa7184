package dev.quire.tests;

import static org.assertj.core.api.Assertions.assertThat;

import dev.quire.emulator.boot.BootPlan;
import dev.quire.emulator.machine.MachineConfig;
import dev.quire.emulator.machine.RamLoader;
import dev.quire.emulator.machine.RunResult;
import dev.quire.emulator.machine.VirtualMachine;
import dev.quire.emulator.snapshot.Snapshot;
import dev.quire.emulator.snapshot.SnapshotReader;
import dev.quire.emulator.snapshot.SnapshotWriter;
import dev.quire.kernel.mm.HostPagePolicy;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Random;
import java.util.stream.Stream;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * A restored run is the run that would have been: saved, written, read and restored at random
 * moments, again and again on the way, every built-in guest ends with the same memory, the same
 * console, the same instructions and the same exceptions.
 */
class SnapshotExactnessTest {
  private static final long SEED = 20260105;
  private static final int MOMENTS = 3 * Integer.getInteger("quire.test.scale", 1);

  @TempDir Path folder;

  static Stream<Guests.Image> guests() {
    return Guests.manifest().stream().filter(image -> !image.status().equals("limit"));
  }

  /** What a guest can tell of its run, and what is left of it. */
  private static String visible(RunResult result, String memoryHash, String console) {
    StringBuilder text = new StringBuilder();
    text.append(result.status()).append(' ').append(result.reason());
    text.append(' ').append(result.instructions()).append(' ').append(result.virtualNanos());
    text.append(' ').append(memoryHash).append(' ').append(result.markers());
    for (RunResult.VcpuResult vcpu : result.vcpus()) {
      text.append('\n').append(vcpu.instructions()).append(' ').append(vcpu.guestFaults());
      text.append(' ').append(vcpu.interrupts()).append(' ').append(vcpu.halts());
      text.append(' ').append(vcpu.ioExits()).append(' ').append(vcpu.mmioExits());
      text.append(' ').append(vcpu.exceptions()).append(' ').append(vcpu.pageFaults());
    }
    return text.append('\n').append(console).toString();
  }

  private static MachineConfig config(StringBuilder console) {
    return new MachineConfig(
        HostPagePolicy.BASE,
        1,
        Guests.ENOUGH_INSTRUCTIONS,
        value -> console.append((char) (value & 0xff)));
  }

  @ParameterizedTest
  @MethodSource("guests")
  void restoredAgainAndAgainARunEndsAsIfNothingHadBeen(Guests.Image guest) throws IOException {
    BootPlan plan = Guests.plan(guest.name(), guest.cpus(), "");
    StringBuilder console = new StringBuilder();
    String whole;
    long instructions;
    try (VirtualMachine machine = VirtualMachine.create(config(console), plan)) {
      RunResult result = machine.run();
      instructions = result.instructions();
      whole = visible(result, machine.memoryHash(), console.toString());
    }
    long[] moments =
        new Random(SEED + guest.name().hashCode())
            .longs(MOMENTS, 0, instructions + 1)
            .sorted()
            .toArray();
    assertThat(inParts(plan, moments)).as("moments %s", List.of(moments)).isEqualTo(whole);
  }

  private String inParts(BootPlan plan, long[] moments) throws IOException {
    StringBuilder console = new StringBuilder();
    VirtualMachine machine = VirtualMachine.create(config(console), plan);
    try {
      for (long moment : moments) {
        if (!machine.runTo(moment)) {
          break;
        }
        new SnapshotWriter(folder, "test", moment % 2 == 1)
            .write(machine.describe("guest", ""), machine.saveState(), machine.memory());
        String hash = machine.memoryHash();
        machine.close();
        Snapshot snapshot = SnapshotReader.open(folder);
        assertThat(snapshot.description().instructions()).isEqualTo(moment);
        machine = VirtualMachine.restore(config(console), snapshot, RamLoader.EAGER);
        assertThat(machine.memoryHash()).isEqualTo(hash);
      }
      RunResult result = machine.run();
      return visible(result, machine.memoryHash(), console.toString());
    } finally {
      machine.close();
    }
  }
}
