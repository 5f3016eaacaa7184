package dev.quire.tests;

import static org.assertj.core.api.Assertions.assertThat;

import dev.quire.emulator.machine.MachineConfig;
import dev.quire.emulator.machine.Pacing;
import dev.quire.emulator.machine.VirtualMachine;
import dev.quire.emulator.measure.MeasureConfig;
import dev.quire.kernel.mm.HostPagePolicy;
import dev.quire.mmu.tlb.CoalescingPolicy;
import dev.quire.mmu.tlb.NestedTlb;
import dev.quire.mmu.tlb.TlbArray;
import dev.quire.mmu.tlb.TlbCosts;
import dev.quire.mmu.tlb.TlbCounters;
import dev.quire.mmu.tlb.TlbGeometry;
import dev.quire.mmu.tlb.TlbIsa;
import dev.quire.mmu.tlb.TlbReplacement;
import dev.quire.mmu.tlb.TlbUse;
import dev.quire.mmu.tlb.WalkCache;
import java.util.EnumSet;
import java.util.List;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * What faults do to walk caches, worked out by hand for a heap that grows by 2 MiB (512 pages of 4
 * KiB, mapped on demand). The TLB and the walk caches are so large that nothing leaves them but by
 * invalidations. Each page costs two walks that end in a translation, both after a fault:
 *
 * <pre>
 *                                                        stage-1 entries read
 *                                                           x86     arm64
 *  the kernel zeroes the page, now backed by the host;
 *  2 MiB leaves, three levels to them                        3        1
 *  the program reads or writes it, now mapped; four levels   4        1
 * </pre>
 *
 * On x86 a fault drops the paging-structure caches on the way to its address, so that each of these
 * walks starts at the root. Arm's faults drop nothing. The new last-level table is a page that the
 * kernel zeroes as well (3 entries on x86, 1 on arm64), and on arm64 one more entry is read where
 * the program first uses it.
 */
class FaultedWalksTest {
  private static final long PAGES = 512;

  private static TlbGeometry boundless(TlbIsa isa) {
    return new TlbGeometry(
        "boundless",
        isa,
        List.of(array("itlb", EnumSet.of(TlbUse.FETCH))),
        List.of(array("dtlb", EnumSet.of(TlbUse.LOAD, TlbUse.STORE))),
        List.of(),
        false,
        List.of(WalkCache.of("tables", List.of(1, 2, 3), 1024, 1024)),
        true,
        NestedTlb.NONE,
        1,
        new TlbCosts("linear", 1, 7, 20, 1, 1),
        CoalescingPolicy.NONE);
  }

  private static TlbArray array(String name, EnumSet<TlbUse> uses) {
    return new TlbArray(name, 8192, 8192, List.of(0, 9, 18), uses, TlbReplacement.LRU, List.of());
  }

  private static TlbCounters.Snapshot run(String guest, TlbIsa isa, String arguments) {
    MachineConfig config =
        new MachineConfig(
            HostPagePolicy.BASE,
            1,
            Guests.ENOUGH_INSTRUCTIONS,
            value -> {},
            new MeasureConfig(List.of(boundless(isa)), 1));
    try (VirtualMachine machine =
        VirtualMachine.create(config, Guests.plan(guest, 1, arguments), Pacing.STANDARD)) {
      machine.run();
      // The whole run: the heap is touched before the region of interest begins.
      return machine.measurement().vcpu(0).snapshot().getFirst();
    }
  }

  @ParameterizedTest
  @CsvSource({"gups-x86_64,X86_64,7,3", "gups-arm64,ARM64,2,2"})
  void aWalkAfterAFaultStartsWhereTheArchitectureSays(
      String guest, TlbIsa isa, long entriesPerPage, long entriesForTheTable) {
    TlbCounters.Snapshot small = run(guest, isa, "mib=2");
    TlbCounters.Snapshot large = run(guest, isa, "mib=4");
    long walks = large.walks().walks() - small.walks().walks();
    long references = large.walks().stage1References() - small.walks().stage1References();
    assertThat(walks).isEqualTo(2 * PAGES + 1);
    assertThat(references).isEqualTo(entriesPerPage * PAGES + entriesForTheTable);
  }
}
