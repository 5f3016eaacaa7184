package dev.quire.mmu.tlb;

import static org.assertj.core.api.Assertions.assertThat;

import dev.quire.mmu.PageWalk;
import dev.quire.mmu.tlb.TestGeometries.Machine;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** When one entry covers more than the page that was walked to. */
class CoalescingTest {
  private static final long VA = 0x7f12_3460_0000L;
  private static final int NONE = PageWalk.NO_STAGE2;

  /** min(max(leaf 1, group 1), max(leaf 2, group 2)); a stage alone promises in vain. */
  @ParameterizedTest
  @CsvSource({
    "0, 4, -1, 0, 4",
    "0, 4, 0, 0, 0",
    "0, 4, 9, 0, 4",
    "0, 4, 0, 4, 4",
    "9, 0, 0, 4, 4",
    "9, 0, 0, 0, 0",
    "9, 13, 0, 4, 4",
    "9, 13, 18, 0, 13",
    "9, 13, 9, 0, 9",
    "0, 0, 9, 13, 0",
    "9, 0, -1, 0, 9"
  })
  void contiguousBitTakesTheSmallerPromise(
      int leaf1, int group1, int leaf2, int group2, int order) {
    List<Integer> orders = List.of(0, 2, 4, 9, 13, 18);
    TlbGeometry geometry =
        TestGeometries.of(
            List.of(TlbArray.of("d", 48, 48, orders, TestGeometries.DATA)),
            List.of(),
            CoalescingPolicy.CONTIGUOUS_BIT);
    TestPages page = TestPages.at(VA).stage1(leaf1, group1);
    ReferencePage walked = leaf2 == NONE ? page.page() : page.stage2(leaf2, group2).page();
    assertThat(orderFilled(geometry, walked)).isEqualTo(order);
  }

  @Test
  void contiguousBitIsIgnoredWithoutThePolicy() {
    TlbGeometry geometry = TestGeometries.cortexA76(CoalescingPolicy.NONE);
    assertThat(orderFilled(geometry, TestPages.at(VA).stage1(0, 4).page())).isZero();
  }

  @ParameterizedTest
  @CsvSource({
    "2, 0b11111111, 0, 1",
    "4, 0b11111111, 0, 2",
    "8, 0b11111111, 0, 3",
    // Page 3 is missing; the frame is not aligned as the page is.
    "4, 0b11110111, 0, 0",
    "2, 0b11110111, 0, 1",
    "4, 0b11111111, 2, 0",
    "2, 0b11111111, 2, 1",
    "8, 0b11111111, 4, 0",
    "4, 0b11111111, 4, 2"
  })
  void aggregationNeedsAWholeAlignedGroup(int pages, String mask, int shift, int order) {
    TlbGeometry geometry = TestGeometries.cortexA76(CoalescingPolicy.aggregation(pages));
    int neighbours = Integer.parseInt(mask.substring(2), 2);
    ReferencePage page = TestPages.at(VA).neighbours((VA >>> 12) + shift, neighbours).page();
    assertThat(orderFilled(geometry, page)).isEqualTo(order);
  }

  /** A core that aggregates and honours the bit takes what is larger by the bit. */
  @Test
  void contiguousBitComesFirst() {
    TlbGeometry geometry =
        TestGeometries.cortexA76(CoalescingPolicy.aggregation(4).withContiguousBit(true));
    ReferencePage page = TestPages.at(VA).stage1(0, 4).neighbours(VA >>> 12, 0xff).page();
    assertThat(orderFilled(geometry, page)).isEqualTo(4);
  }

  @Test
  void largePagesAreNotAggregated() {
    TlbGeometry geometry = TestGeometries.cortexA76(CoalescingPolicy.aggregation(4));
    ReferencePage page = TestPages.at(VA).stage1(9, 0).neighbours(VA >>> 12, 0xff).page();
    assertThat(orderFilled(geometry, page)).isEqualTo(9);
  }

  /** Linux maps a 64 KiB host folio by 4 KiB second-stage leaves: nothing changes. */
  @Test
  void hostFolioAloneChangesNothing() {
    CoalescingPolicy bit = CoalescingPolicy.CONTIGUOUS_BIT;
    for (int guestGroup : new int[] {0, 4}) {
      ReferencePage page =
          TestPages.at(VA).stage1(0, guestGroup).stage2(0, 0).neighbours(VA >>> 12, 0xff).page();
      assertThat(orderFilled(TestGeometries.cortexA76(bit), page)).isZero();
    }
  }

  /** Pages 0, 1, 2 are a run, 3 is not in it; 4 to 7 are another's. */
  @Test
  void coltCoversTheRunAndNoMore() {
    Machine machine = new Machine(colt(CoalescingPolicy.coltSa(4)));
    int mask = 0b1111_0111;
    assertThat(machine.walks(page(1, mask))).isTrue();
    assertThat(machine.walks(page(0, mask))).isFalse();
    assertThat(machine.walks(page(2, mask))).isFalse();
    assertThat(machine.walks(page(3, 0b1000))).isTrue();
    assertThat(machine.walks(page(4, mask))).isTrue();
    assertThat(machine.walks(page(7, mask))).isFalse();
    assertThat(machine.tlb.counters().snapshot().level(TlbLevel.L1D).fillsByOrder())
        .containsEntry(1, 1L)
        .containsEntry(0, 1L)
        .containsEntry(2, 1L);
    assertThat(machine.tlb.reachBytes()).isEqualTo(8 * 4096);
  }

  /** Runs go to the fully associative array, single pages to the other. */
  @Test
  void coltFaSplitsRunsFromPages() {
    Machine machine = new Machine(colt(CoalescingPolicy.coltFa(8)));
    machine.walks(page(0, 0b1111));
    machine.walks(page(6, 0b100_0000));
    assertThat(fills(machine, "4k")).isEqualTo(1);
    assertThat(fills(machine, "2m")).isEqualTo(1);
    assertThat(machine.walks(page(3, 0b1111))).isFalse();
  }

  private static TlbGeometry colt(CoalescingPolicy policy) {
    return TestGeometries.of(
        List.of(
            TlbArray.of("4k", 64, 4, List.of(0), TestGeometries.DATA),
            TlbArray.of("2m", 16, 16, List.of(9), TestGeometries.DATA)),
        List.of(),
        policy);
  }

  private static ReferencePage page(int index, int mask) {
    long va = VA + index * 4096L;
    return TestPages.at(va).neighbours((va >>> 12) + 5, mask).page();
  }

  /** L2 holds 4 KiB and 2 MiB; L1 gets the gigabyte back from a part of it (Zen 2). */
  @Test
  void l1GetsTheWholeBackFromAPartInL2() {
    Machine machine =
        new Machine(
            TestGeometries.of(
                List.of(TlbArray.of("d", 1, 1, List.of(0, 9, 18), TestGeometries.DATA)),
                List.of(TlbArray.of("l2", 64, 4, List.of(0, 9), TestGeometries.ALL)),
                CoalescingPolicy.NONE));
    long gigabyte = VA & -(1L << 30);
    ReferencePage page = TestPages.at(gigabyte).stage1(18, 0).page();
    machine.walks(page);
    machine.walks(TestPages.at(0x1000).page());
    assertThat(machine.walks(page)).isFalse();
    assertThat(machine.walks(page, (gigabyte >>> 12) + 100_000)).isFalse();
    assertThat(machine.tlb.counters().snapshot().level(TlbLevel.L1D).fillsByOrder())
        .containsEntry(18, 2L);
    assertThat(machine.tlb.counters().snapshot().level(TlbLevel.L2).fillsByOrder())
        .containsEntry(9, 1L);
  }

  private static long fills(Machine machine, String array) {
    return machine.tlb.counters().snapshot().structures().stream()
        .filter(counts -> counts.name().equals(array))
        .mapToLong(StructureCounts::fills)
        .sum();
  }

  private static int orderFilled(TlbGeometry geometry, ReferencePage page) {
    Machine machine = new Machine(geometry);
    machine.walks(page);
    var fills = machine.tlb.counters().snapshot().level(TlbLevel.L1D).fillsByOrder();
    assertThat(fills).hasSize(1);
    return fills.firstKey();
  }
}
