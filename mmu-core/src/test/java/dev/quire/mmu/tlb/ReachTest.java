package dev.quire.mmu.tlb;

import static org.assertj.core.api.Assertions.assertThat;

import dev.quire.mmu.Access;
import dev.quire.mmu.Order;
import dev.quire.mmu.tlb.TestGeometries.Machine;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * A cyclic chase over more and more pages: it hits while it fits, and misses on every new entry
 * (LRU against a cycle) once it is past the reach worked out by hand.
 */
class ReachTest {
  private static final long VA = 0x7f00_0000_0000L;

  /** The size of a page to the core; how a page at {@code va} looks. */
  enum Layout {
    SMALL(0) {
      @Override
      ReferencePage page(long va) {
        return TestPages.at(va).page();
      }
    },
    CONTIGUOUS_64K(4) {
      @Override
      ReferencePage page(long va) {
        return TestPages.at(va).stage1(0, 4).page();
      }
    },
    AGGREGATED_16K(2) {
      @Override
      ReferencePage page(long va) {
        return TestPages.at(va).neighbours(va >>> 12, 0xff).page();
      }
    },
    HUGE_2M(9) {
      @Override
      ReferencePage page(long va) {
        return TestPages.at(va).stage1(9, 0).page();
      }
    };

    final int order;

    Layout(int order) {
      this.order = order;
    }

    abstract ReferencePage page(long va);
  }

  static List<Arguments> cores() {
    TlbGeometry skylake = TestGeometries.skylake(TlbIsa.X86_64);
    TlbGeometry contiguous = TestGeometries.cortexA76(CoalescingPolicy.CONTIGUOUS_BIT);
    TlbGeometry aggregating =
        TestGeometries.cortexA76(CoalescingPolicy.aggregation(4).withContiguousBit(true));
    TlbGeometry plain = TestGeometries.cortexA76(CoalescingPolicy.NONE);
    return List.of(
        Arguments.of(skylake, Layout.SMALL, 0, 64, 1536),
        Arguments.of(skylake, Layout.HUGE_2M, 9, 32, 1536),
        Arguments.of(skylake, Layout.CONTIGUOUS_64K, 0, 64, 1536),
        Arguments.of(plain, Layout.SMALL, 0, 48, 1280),
        Arguments.of(plain, Layout.CONTIGUOUS_64K, 0, 48, 1280),
        Arguments.of(plain, Layout.AGGREGATED_16K, 0, 48, 1280),
        Arguments.of(plain, Layout.HUGE_2M, 9, 48, 1280),
        Arguments.of(contiguous, Layout.SMALL, 0, 48, 1280),
        Arguments.of(contiguous, Layout.CONTIGUOUS_64K, 4, 48, 1280),
        Arguments.of(contiguous, Layout.AGGREGATED_16K, 0, 48, 1280),
        Arguments.of(aggregating, Layout.AGGREGATED_16K, 2, 48, 1280),
        Arguments.of(aggregating, Layout.CONTIGUOUS_64K, 4, 48, 1280),
        Arguments.of(aggregating, Layout.HUGE_2M, 9, 48, 1280));
  }

  @ParameterizedTest
  @MethodSource("cores")
  void cliffsAreWhereTheEntriesEnd(
      TlbGeometry geometry, Layout layout, int order, int l1Entries, int l2Entries) {
    long step = Order.bytes(order);
    assertThat(missesOfOneRound(geometry, layout, TlbLevel.L1D, l1Entries, step)).isZero();
    assertThat(missesOfOneRound(geometry, layout, TlbLevel.L2, l2Entries, step)).isZero();
    // One more than fits: its set thrashes. Twice as many: all of them do.
    assertThat(missesOfOneRound(geometry, layout, TlbLevel.L1D, l1Entries + 1, step)).isPositive();
    assertThat(missesOfOneRound(geometry, layout, TlbLevel.L2, l2Entries + 1, step)).isPositive();
    assertThat(missesOfOneRound(geometry, layout, TlbLevel.L1D, 2 * l1Entries, step))
        .isEqualTo(2 * l1Entries);
    assertThat(missesOfOneRound(geometry, layout, TlbLevel.L2, 2 * l2Entries, step))
        .isEqualTo(2 * l2Entries);
  }

  /** One load in each of {@code count} steps, twice; the second round's misses. */
  private static long missesOfOneRound(
      TlbGeometry geometry, Layout layout, TlbLevel level, int count, long step) {
    Machine machine = new Machine(geometry);
    long before = 0;
    for (int round = 0; round < 2; round++) {
      before = machine.misses(level);
      for (int i = 0; i < count; i++) {
        long va = VA + i * step;
        machine.tlb.access(va >>> 12, Access.READ, layout.page(va).addTo(machine.pages, 0));
      }
    }
    return machine.misses(level) - before;
  }

  /** By granule: 16 of 4K, 128 of 16K, 32 of 64K. */
  @ParameterizedTest
  @CsvSource({"0, 4, 16", "2, 9, 128", "4, 9, 32"})
  void oneEntryCoversTheContiguousGroup(int granuleOrder, int groupOrder, int pages) {
    Machine machine = new Machine(TestGeometries.cortexA76(CoalescingPolicy.CONTIGUOUS_BIT));
    int walks = 0;
    for (int i = 0; i < 2 * pages; i++) {
      long va = VA + i * Order.bytes(granuleOrder);
      walks += machine.walks(TestPages.at(va).stage1(granuleOrder, groupOrder).page()) ? 1 : 0;
    }
    assertThat(walks).isEqualTo(2);
    assertThat(machine.tlb.reachBytes()).isEqualTo(2 * Order.bytes(groupOrder));
    assertThat(machine.tlb.counters().snapshot().level(TlbLevel.L1D).fillsByOrder())
        .containsOnly(Map.entry(groupOrder, 2L));
  }

  @Test
  void reachIsWhatTheEntriesCover() {
    Machine machine = new Machine(TestGeometries.skylake(TlbIsa.X86_64));
    machine.walks(TestPages.at(VA).page());
    machine.walks(TestPages.at(VA + (1L << 21)).stage1(9, 0).page());
    assertThat(machine.tlb.reachBytes()).isEqualTo((4 << 10) + (2 << 20));
  }
}
