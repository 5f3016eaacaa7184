package dev.quire.tests;

import dev.quire.emulator.boot.BootPlan;
import dev.quire.emulator.machine.FaultObserver;
import dev.quire.emulator.machine.GuestHost;
import dev.quire.emulator.machine.MachineConfig;
import dev.quire.emulator.machine.RamLoader;
import dev.quire.emulator.machine.RunResult;
import dev.quire.emulator.machine.VirtualMachine;
import dev.quire.emulator.restore.RestoreCosts;
import dev.quire.emulator.restore.RestoreResult;
import dev.quire.emulator.restore.RestoreRun;
import dev.quire.emulator.restore.RestoreSettings;
import dev.quire.emulator.restore.RestoreStrategies;
import dev.quire.emulator.restore.RestoreStrategy;
import dev.quire.emulator.snapshot.Snapshot;
import dev.quire.emulator.snapshot.SnapshotDescription;
import dev.quire.emulator.snapshot.SnapshotReader;
import dev.quire.emulator.snapshot.SnapshotWriter;
import dev.quire.kernel.kvm.MemSlot;
import dev.quire.kernel.kvm.MemSlots;
import dev.quire.kernel.kvm.Stage2Mmu;
import dev.quire.kernel.mm.HostPagePolicy;
import dev.quire.kernel.mm.KernelProfile;
import java.io.IOException;
import java.nio.file.Path;
import java.util.BitSet;

/** Snapshots of built-in guests at 40 % of their run, and restores of them, for tests. */
final class RestoredGuests {
  private RestoredGuests() {}

  /** Boots a guest, and writes a snapshot that knows how the run ends. */
  static Snapshot snapshot(String guest, int cpus, String arguments, Path folder)
      throws IOException {
    BootPlan plan = Guests.plan(guest, cpus, arguments);
    SnapshotDescription.Expected end;
    try (VirtualMachine machine = VirtualMachine.create(config(HostPagePolicy.BASE), plan)) {
      RunResult result = machine.run();
      end =
          new SnapshotDescription.Expected(
              result.status().jsonName(), result.instructions(), machine.memoryHash(), "", 0);
    }
    try (VirtualMachine machine = VirtualMachine.create(config(HostPagePolicy.BASE), plan)) {
      machine.runTo(end.instructions() * 2 / 5);
      new SnapshotWriter(folder, "test", false)
          .write(
              machine.describe(guest, arguments).withExpected(end),
              machine.saveState(),
              machine.memory());
    }
    return SnapshotReader.open(folder);
  }

  private static MachineConfig config(HostPagePolicy pages) {
    return new MachineConfig(pages, 1, Guests.ENOUGH_INSTRUCTIONS, value -> {});
  }

  static RestoreSettings settings(String pages) {
    return RestoreSettings.of(HostPagePolicy.parse(pages), RestoreCosts.NONE);
  }

  /** By a strategy's name, on the pages it is about. */
  static RestoreResult restore(Snapshot snapshot, String strategy) {
    return restore(
        snapshot, strategy, settings(RestoreStrategies.named(strategy).usualPages().name()));
  }

  static RestoreResult restore(Snapshot snapshot, String strategy, RestoreSettings settings) {
    RestoreStrategy how = RestoreStrategies.named(strategy);
    KernelProfile kernel = how.usualKernel(settings.hostPages());
    MachineConfig config =
        new MachineConfig(
            settings.hostPages(),
            1,
            Guests.ENOUGH_INSTRUCTIONS,
            value -> {},
            null,
            0,
            null,
            kernel);
    try (RestoreRun run = new RestoreRun(snapshot, how, settings, config)) {
      return run.run();
    }
  }

  /**
   * What the rest of a guest's run does to its memory, found without any strategy: all pages are
   * there from the start, and the second stage tells of each first touch and of each write.
   *
   * @param touched guest frames, by number
   * @param written of them, those that were written to
   */
  record Footprint(BitSet touched, BitSet written) {
    int pages() {
      return touched.cardinality();
    }

    int writtenPages() {
      return written.cardinality();
    }

    /** How many aligned blocks of 2 MiB they lie in. */
    int blocks() {
      return (int) touched.stream().map(gfn -> gfn >>> 9).distinct().count();
    }
  }

  static Footprint footprint(Snapshot snapshot) {
    BitSet touched = new BitSet();
    BitSet written = new BitSet();
    GuestHost[] host = new GuestHost[1];
    RamLoader loader =
        (guestHost, memory) -> {
          RamLoader.EAGER.load(guestHost, memory);
          logDirtyPages(guestHost);
          guestHost.setObserver(
              new FaultObserver() {
                @Override
                public void begin() {}

                @Override
                public void end(long gpa, long result) {
                  if (Stage2Mmu.code(result) == Stage2Mmu.MAPPED) {
                    touched.set((int) (gpa >>> 12));
                  }
                }
              });
          host[0] = guestHost;
        };
    try (VirtualMachine machine =
        VirtualMachine.restore(config(HostPagePolicy.BASE), snapshot, loader)) {
      machine.run();
      MemSlots slots = host[0].stage2().slots();
      for (int i = 0; i < slots.count(); i++) {
        MemSlot slot = slots.at(i);
        BitSet dirty = BitSet.valueOf(host[0].stage2().dirtyLogs().take(slot.id()));
        dirty.stream().forEach(page -> written.set((int) slot.baseGfn() + page));
      }
    }
    return new Footprint(touched, written);
  }

  private static void logDirtyPages(GuestHost host) {
    MemSlots slots = host.stage2().slots();
    for (int i = 0; i < slots.count(); i++) {
      MemSlot slot = slots.at(i);
      host.stage2()
          .setRegion(
              slot.id(),
              MemSlots.LOG_DIRTY_PAGES,
              slot.baseGfn() << 12,
              slot.pages() << 12,
              slot.hva());
    }
  }
}
