package dev.quire.tests;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.quire.emulator.boot.BootPlan;
import dev.quire.emulator.machine.DirtyPages;
import dev.quire.emulator.machine.MachineConfig;
import dev.quire.emulator.machine.RamLoader;
import dev.quire.emulator.machine.RunResult;
import dev.quire.emulator.machine.VirtualMachine;
import dev.quire.emulator.snapshot.BadSnapshotException;
import dev.quire.emulator.snapshot.Snapshot;
import dev.quire.emulator.snapshot.SnapshotReader;
import dev.quire.emulator.snapshot.SnapshotWriter;
import dev.quire.kernel.mm.HostPagePolicy;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * Diffs by dirty log: a chain of them holds the memory that a full snapshot would, and only what
 * changed.
 */
class SnapshotDiffTest {
  private static final int LINKS = 3;

  @TempDir Path folder;

  private static MachineConfig config(HostPagePolicy pages, StringBuilder console) {
    return new MachineConfig(
        pages, 1, Guests.ENOUGH_INSTRUCTIONS, value -> console.append((char) (value & 0xff)));
  }

  @ParameterizedTest
  @CsvSource({
    "stream-x86_64, 1, 4k",
    "gups-arm64, 1, 4k",
    "faults-x86_64, 1, thp",
    "faults-arm64, 1, 4k",
    "paging-x86_64, 1, 4k",
    "paging-arm64, 1, 16k:16k",
    "btree-x86_64, 1, shmem",
    "smp-x86_64, 4, 4k",
    "smp-arm64, 4, thp",
    "irq-x86_64, 1, 4k"
  })
  void chainHoldsWhatAFullSnapshotWould(String guest, int cpus, String pages) throws IOException {
    HostPagePolicy policy = HostPagePolicy.parse(pages);
    BootPlan plan = Guests.plan(guest, cpus, "mib=1 iters=1");
    StringBuilder console = new StringBuilder();
    RunResult whole;
    String hash;
    try (VirtualMachine machine = VirtualMachine.create(config(policy, console), plan)) {
      whole = machine.run();
      hash = machine.memoryHash();
    }
    long step = whole.instructions() / (LINKS + 2);
    StringBuilder parts = new StringBuilder();
    VirtualMachine machine = VirtualMachine.create(config(policy, parts), plan);
    try {
      assertThat(machine.runTo(step)).isTrue();
      writer(0).write(machine.describe(guest, ""), machine.saveState(), machine.memory());
      for (int link = 1; link <= LINKS; link++) {
        machine.close();
        Snapshot base = SnapshotReader.open(at(link - 1));
        machine = VirtualMachine.restore(config(policy, parts), base, RamLoader.EAGER);
        DirtyPages dirty = machine.startDirtyLog();
        assertThat(machine.runTo(step * (link + 1))).isTrue();
        writer(link)
            .writeDiff(
                machine.describe(guest, ""),
                machine.saveState(),
                machine.memory(),
                base,
                dirty.take());
        Snapshot diff = SnapshotReader.open(at(link));
        String now = machine.memoryHash();
        machine.close();
        machine = VirtualMachine.restore(config(policy, parts), diff, RamLoader.EAGER);
        assertThat(machine.memoryHash()).as("link %d", link).isEqualTo(now);
      }
      RunResult end = machine.run();
      assertThat(end.status()).isEqualTo(whole.status());
      assertThat(end.instructions()).isEqualTo(whole.instructions());
      assertThat(machine.memoryHash()).isEqualTo(hash);
      assertThat(parts.toString()).isEqualTo(console.toString());
    } finally {
      machine.close();
    }
  }

  private Path at(int link) {
    return folder.resolve("s" + link);
  }

  private SnapshotWriter writer(int link) {
    return new SnapshotWriter(at(link), "test", link % 2 == 1);
  }

  /** Linux v6.18 virt/kvm/kvm_main.c, check_memory_region_flags. */
  @Test
  void guestMemfdTakesNoDirtyLog() {
    BootPlan plan = Guests.plan("hello-x86_64", 1, "");
    HostPagePolicy gmem = HostPagePolicy.parse("gmem");
    try (VirtualMachine machine = VirtualMachine.create(config(gmem, new StringBuilder()), plan)) {
      assertThatThrownBy(machine::startDirtyLog)
          .isInstanceOf(IllegalStateException.class)
          .hasMessageContaining("dirty log");
    }
  }

  @Test
  void diffIsSmallAndKnowsItsBase() throws IOException {
    BootPlan plan = Guests.plan("gups-x86_64", 1, "mib=4 iters=1");
    StringBuilder console = new StringBuilder();
    SnapshotWriter.Written full;
    SnapshotWriter.Written small;
    try (VirtualMachine machine =
        VirtualMachine.create(config(HostPagePolicy.BASE, console), plan)) {
      assertThat(machine.runTo(3_000_000)).isTrue();
      full = writer(0).write(machine.describe("g", ""), machine.saveState(), machine.memory());
      Snapshot base = SnapshotReader.open(at(0));
      DirtyPages dirty = machine.startDirtyLog();
      assertThat(machine.runTo(3_000_050)).isTrue();
      small =
          writer(2)
              .writeDiff(
                  machine.describe("g", ""),
                  machine.saveState(),
                  machine.memory(),
                  base,
                  dirty.take());
      assertThat(small.pages()).isLessThan(20).isLessThan(full.pages());
      assertThat(SnapshotReader.open(at(2)).memory().pages()).isEqualTo(full.pages());

      writer(0).write(machine.describe("g", ""), machine.saveState(), machine.memory());
    }
    assertThatThrownBy(() -> SnapshotReader.open(at(2)))
        .isInstanceOf(BadSnapshotException.class)
        .hasMessageContaining("the diff is one of snapshot " + full.identity().substring(0, 12))
        .hasMessageContaining("write the diff again");
    Files.delete(at(0).resolve("CURRENT"));
    assertThatThrownBy(() -> SnapshotReader.open(at(2)))
        .isInstanceOf(BadSnapshotException.class)
        .hasMessageContaining("a diff whose base is bad");
  }
}
