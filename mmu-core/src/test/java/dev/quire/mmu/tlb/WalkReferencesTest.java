package dev.quire.mmu.tlb;

import static org.assertj.core.api.Assertions.assertThat;

import dev.quire.mmu.tlb.TestGeometries.Machine;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** What a walk reads, worked out by hand. */
class WalkReferencesTest {
  private static final long VA = 0x7f12_3456_7000L;

  /** (g + 1) * (h + 1) - 1. */
  @ParameterizedTest
  @CsvSource({
    "4, 4, 24",
    "5, 4, 29",
    "4, 5, 29",
    "5, 5, 35",
    "3, 3, 15",
    "4, 3, 19",
    "4, 0, 4",
    "5, 0, 5",
    "0, 4, 4"
  })
  void worstCase(int stage1, int stage2, int references) {
    Machine machine = new Machine(TestGeometries.withoutWalkCaches());
    assertThat(machine.walk(TestPages.at(VA).levels(stage1, stage2).page()).references())
        .isEqualTo(references);
  }

  @Test
  void walkCacheLeavesTheLeafAlone() {
    Machine machine = new Machine(TestGeometries.skylake(TlbIsa.X86_64));
    assertThat(machine.walk(TestPages.at(VA).page()).references()).isEqualTo(4);
    WalkCounts next = machine.walk(TestPages.at(VA + 0x1000).page());
    assertThat(next).isEqualTo(new WalkCounts(1, 1, 0, 1, 0));
  }

  @Test
  void walkCacheOfTheNextHeightLeavesTwo() {
    Machine machine = new Machine(TestGeometries.skylake(TlbIsa.X86_64));
    machine.walk(TestPages.at(VA).page());
    assertThat(machine.walk(TestPages.at(VA + 0x20_0000).page()))
        .isEqualTo(new WalkCounts(1, 2, 0, 1, 0));
  }

  /** The leaf's table is known by its host address: its second stage is not asked. */
  @Test
  void combinedWalkCacheSkipsTheNextTablesSecondStage() {
    Machine machine = new Machine(nested(true));
    machine.walk(TestPages.at(VA).stage2(0, 0).page());
    assertThat(machine.walk(TestPages.at(VA + 0x1000).stage2(0, 0).page()))
        .isEqualTo(new WalkCounts(1, 1, 4, 1, 0));
  }

  @Test
  void walkCacheOfGuestAddressesDoesNot() {
    Machine machine = new Machine(nested(false));
    machine.walk(TestPages.at(VA).stage2(0, 0).page());
    assertThat(machine.walk(TestPages.at(VA + 0x1000).stage2(0, 0).page()))
        .isEqualTo(new WalkCounts(1, 1, 8, 1, 0));
  }

  private static TlbGeometry nested(boolean hostAddresses) {
    return new TlbGeometry(
        "test",
        TlbIsa.X86_64,
        List.of(TlbArray.of("i", 8, 8, List.of(0), TestGeometries.FETCH)),
        List.of(TlbArray.of("d", 8, 8, List.of(0), TestGeometries.DATA)),
        List.of(),
        false,
        List.of(WalkCache.of("pde", List.of(1), 32, 4)),
        hostAddresses,
        NestedTlb.NONE,
        1,
        TestGeometries.COSTS,
        CoalescingPolicy.NONE);
  }

  /** Four tables and a page in one 2 MiB second-stage page each: all but new ones are known. */
  @Test
  void nestedTlbSavesSecondStageReferences() {
    Machine machine =
        new Machine(
            TestGeometries.of(
                TlbIsa.X86_64,
                List.of(TlbArray.of("d", 1, 1, List.of(0), TestGeometries.DATA)),
                List.of(),
                List.of(),
                NestedTlb.of(32, 4),
                CoalescingPolicy.NONE));
    assertThat(machine.walk(TestPages.at(VA).stage2(0, 0).page()).references()).isEqualTo(24);
    machine.walk(TestPages.at(VA + 0x1000).stage2(0, 0).page());
    assertThat(machine.walk(TestPages.at(VA).stage2(0, 0).page()))
        .isEqualTo(new WalkCounts(1, 4, 0, 0, 5));
  }

  @Test
  void blocksOnlyNestedTlbKeepsNoSmallPages() {
    NestedTlb blocks = new NestedTlb(NestedTlb.Kind.OWN, 32, 4, 9, TlbReplacement.LRU);
    Machine machine =
        new Machine(
            TestGeometries.of(
                TlbIsa.ARM64,
                List.of(TlbArray.of("d", 1, 1, List.of(0), TestGeometries.DATA)),
                List.of(),
                List.of(),
                blocks,
                CoalescingPolicy.NONE));
    for (int i = 0; i < 2; i++) {
      assertThat(machine.walk(TestPages.at(VA).stage2(0, 0).page()).references()).isEqualTo(24);
      machine.walk(TestPages.at(VA + 0x1000).stage2(0, 0).page());
    }
  }

  @Test
  void cyclesAreLinear() {
    Machine machine = new Machine(TestGeometries.skylake(TlbIsa.X86_64));
    machine.walk(TestPages.at(VA).page());
    machine.walk(TestPages.at(VA + 0x1000).page());
    TlbCounters.Snapshot counts = machine.tlb.counters().snapshot();
    assertThat(counts.walkCycles()).isEqualTo(5 * 20 + 1);
    assertThat(counts.translationCycles()).isEqualTo(2 * 7 + 5 * 20 + 1);
  }
}
