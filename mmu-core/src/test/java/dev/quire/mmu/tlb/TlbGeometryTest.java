package dev.quire.mmu.tlb;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.quire.mmu.tlb.TestGeometries.Machine;
import java.util.List;
import java.util.Set;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.Test;

/** What a geometry refuses, in which words; and what random replacement keeps to. */
class TlbGeometryTest {
  private static final List<Integer> SMALL = List.of(0);

  @Test
  void refusesArraysThatCannotBe() {
    refuses("stlb: 12 ways do not divide 2048 entries", () -> array("stlb", 2048, 12));
    refuses("make 3 sets, which is not a power of two", () -> array("a", 12, 4));
    refuses("a: 0 entries are not in 1..", () -> array("a", 0, 1));
    refuses("has no name", () -> array(" ", 4, 4));
    refuses("do not ascend", () -> TlbArray.of("a", 4, 4, List.of(9, 0), TestGeometries.DATA));
    refuses("do not ascend", () -> TlbArray.of("a", 4, 4, List.of(40), TestGeometries.DATA));
    refuses("no page order or has no use", () -> TlbArray.of("a", 4, 4, SMALL, Set.of()));
    refuses(
        "a tree over 12 ways",
        () ->
            new TlbArray(
                "a", 12, 12, SMALL, TestGeometries.DATA, TlbReplacement.TREE_PLRU, List.of()));
    refuses("names an order it does not hold", () -> limited(new TlbArray.WayLimit(9, 0, 2)));
    refuses("ways it does not have", () -> limited(new TlbArray.WayLimit(0, 3, 2)));
  }

  private static TlbArray array(String name, int entries, int ways) {
    return TlbArray.of(name, entries, ways, SMALL, TestGeometries.DATA);
  }

  private static TlbArray limited(TlbArray.WayLimit limit) {
    return new TlbArray("a", 4, 4, SMALL, TestGeometries.DATA, TlbReplacement.LRU, List.of(limit));
  }

  @Test
  void refusesOtherParts() {
    refuses("height 5 is not in 1..4", () -> WalkCache.of("pde", List.of(5), 4, 4));
    refuses("has no entries", () -> new NestedTlb(NestedTlb.Kind.IN_L2, 4, 4, 0, null));
    refuses("2, 4 or 8 are needed", () -> CoalescingPolicy.aggregation(3));
    refuses("1 is needed", () -> policy(CoalescingPolicy.Hardware.NONE, 4, false, false));
    refuses("in L2: false", () -> policy(CoalescingPolicy.Hardware.COLT_SA, 4, false, false));
    refuses("it is in L1 alone", () -> policy(CoalescingPolicy.Hardware.COLT_FA, 4, true, true));
    refuses("-1 cycles are not in", () -> new TlbCosts("linear", 0, -1, 0, 0, 0));
  }

  private static CoalescingPolicy policy(
      CoalescingPolicy.Hardware hardware, int pages, boolean l1, boolean l2) {
    return new CoalescingPolicy(false, hardware, pages, l1, l2);
  }

  @Test
  void refusesGeometriesThatDoNotFitTogether() {
    TlbArray loads = TlbArray.of("loads", 4, 4, SMALL, Set.of(TlbUse.LOAD));
    TlbArray all = TlbArray.of("all", 4, 4, SMALL, TestGeometries.ALL);
    refuses("serve [LOAD], not all of [LOAD, STORE]", () -> geometry(loads, List.of()));
    refuses("all in L1 data is used for [LOAD, STORE, FETCH]", () -> geometry(all, List.of()));
    refuses("are not unique", () -> geometry(array("instruction", 4, 4), List.of()));
    refuses(
        "shares an L2 that serves [] only",
        () -> geometry(array("d", 4, 4), List.of(WalkCache.inL2("pde", List.of(1)))));
    refuses(
        "height 1 is in more than one walk cache",
        () ->
            geometry(
                array("d", 4, 4),
                List.of(
                    WalkCache.of("pde", List.of(1), 4, 4),
                    WalkCache.of("both", List.of(1, 2), 4, 4))));
    refuses(
        "CoLT-FA needs a fully associative L1 data array",
        () -> TestGeometries.of(List.of(array("d", 64, 4)), List.of(), CoalescingPolicy.coltFa(4)));
  }

  private static TlbGeometry geometry(TlbArray data, List<WalkCache> walkCaches) {
    return TestGeometries.of(
        TlbIsa.X86_64, List.of(data), List.of(), walkCaches, NestedTlb.NONE, CoalescingPolicy.NONE);
  }

  private static void refuses(String message, ThrowingCallable construction) {
    assertThatThrownBy(construction)
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining(message);
  }

  /** The same seed gives the same counts, another seed others; what is free is taken first. */
  @Test
  void randomReplacementDependsOnTheSeedAlone() {
    assertThat(missesWithSeed(1, 24)).isEqualTo(missesWithSeed(1, 24));
    assertThat(missesWithSeed(1, 24)).isNotEqualTo(missesWithSeed(2, 24));
    assertThat(missesWithSeed(1, 16)).isEqualTo(16);
  }

  private static long missesWithSeed(long seed, int footprint) {
    TlbArray array =
        new TlbArray("d", 16, 16, SMALL, TestGeometries.DATA, TlbReplacement.RANDOM, List.of());
    TlbGeometry geometry = TestGeometries.of(List.of(array), List.of(), CoalescingPolicy.NONE);
    WalkedPages pages = new WalkedPages();
    TlbHierarchy tlb = new TlbHierarchy(geometry, pages, seed);
    int page = TestPages.at(0).page().addTo(pages, 0);
    for (int i = 0; i < 2_000; i++) {
      tlb.access(i % footprint, 0, page);
    }
    return tlb.counters().snapshot().level(TlbLevel.L1D).misses();
  }

  @Test
  void countsSubtractAndAdd() {
    Machine machine = new Machine(TestGeometries.skylake(TlbIsa.X86_64));
    machine.walks(TestPages.at(0x1000).page());
    TlbCounters.Snapshot first = machine.tlb.counters().snapshot();
    machine.walks(TestPages.at(0x1000).page());
    machine.walks(TestPages.at(1L << 30).stage1(9, 0).page());
    TlbCounters.Snapshot both = machine.tlb.counters().snapshot();
    TlbCounters.Snapshot second = both.minus(first);
    assertThat(second.level(TlbLevel.L1D).accesses()).isEqualTo(2);
    assertThat(second.level(TlbLevel.L1D).fillsByOrder()).containsOnlyKeys(9);
    assertThat(first.plus(second)).isEqualTo(both);
    TlbCounters.Snapshot other =
        new Machine(TestGeometries.withoutWalkCaches()).tlb.counters().snapshot();
    assertThatThrownBy(() -> both.minus(other)).isInstanceOf(IllegalArgumentException.class);
  }
}
