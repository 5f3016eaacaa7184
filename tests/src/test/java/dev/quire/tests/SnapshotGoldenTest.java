package dev.quire.tests;

import static org.assertj.core.api.Assertions.assertThat;

import dev.quire.emulator.device.ConsoleSink;
import dev.quire.emulator.machine.MachineConfig;
import dev.quire.emulator.machine.RamLoader;
import dev.quire.emulator.machine.RunResult;
import dev.quire.emulator.machine.VirtualMachine;
import dev.quire.emulator.snapshot.Snapshot;
import dev.quire.emulator.snapshot.SnapshotReader;
import dev.quire.kernel.mm.HostPagePolicy;
import java.nio.file.Path;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Snapshots that earlier versions of the format left restore to the runs they were taken from. */
class SnapshotGoldenTest {
  /** What the guest took at its boot and keeps in memory alone. */
  private static final String NONCE = "nonce 6feda25ff6f467c9 counter ";

  @ParameterizedTest
  @CsvSource({"v1/nonce-x86_64", "v1/nonce-arm64", "v2/nonce-x86_64", "v2/nonce-arm64"})
  void restoresToTheEndItWouldHaveHad(String name) throws Exception {
    Snapshot snapshot = open(name);
    StringBuilder console = new StringBuilder();
    // Another seed: a guest that boots with it takes another number.
    MachineConfig config = config(77, value -> console.append((char) (value & 0xff)));
    try (VirtualMachine machine = VirtualMachine.restore(config, snapshot, RamLoader.EAGER)) {
      RunResult result = machine.run();
      assertThat(result.status().jsonName()).isEqualTo("pass");
      assertThat(result.instructions())
          .isEqualTo(snapshot.description().expected().instructions())
          .isGreaterThan(snapshot.description().instructions());
      assertThat(machine.memoryHash()).isEqualTo(snapshot.description().expected().memoryHash());
    }
    assertThat(console.toString())
        .contains(NONCE + "400000\n")
        .doesNotContain(NONCE + "20000\n")
        .doesNotContain("taken");
    assertThat(bootedWith(77, snapshot)).contains("taken").doesNotContain(NONCE);
  }

  /** More blocks than one node of the table holds. */
  @ParameterizedTest
  @CsvSource("v2/stream-x86_64")
  void restoresMemoryOfManyBlocks(String name) throws Exception {
    Snapshot snapshot = open(name);
    assertThat(snapshot.memory().pages()).isGreaterThan(2048);
    try (VirtualMachine machine =
        VirtualMachine.restore(config(77, value -> {}), snapshot, RamLoader.EAGER)) {
      assertThat(machine.run().status().jsonName()).isEqualTo("pass");
      assertThat(machine.memoryHash()).isEqualTo(snapshot.description().expected().memoryHash());
    }
  }

  private Snapshot open(String name) throws Exception {
    Path header = Path.of(getClass().getResource("snapshots/" + name + "/header").toURI());
    return SnapshotReader.open(header.getParent());
  }

  private static MachineConfig config(long seed, ConsoleSink console) {
    return new MachineConfig(HostPagePolicy.BASE, seed, Guests.ENOUGH_INSTRUCTIONS, console);
  }

  private static String bootedWith(long seed, Snapshot snapshot) {
    StringBuilder console = new StringBuilder();
    MachineConfig config = config(seed, value -> console.append((char) (value & 0xff)));
    String guest = snapshot.description().guest();
    try (VirtualMachine machine = VirtualMachine.create(config, Guests.plan(guest, 1, ""))) {
      assertThat(machine.run().status().jsonName()).isEqualTo("pass");
    }
    return console.toString();
  }
}
