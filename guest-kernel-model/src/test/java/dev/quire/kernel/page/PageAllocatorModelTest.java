package dev.quire.kernel.page;

import static org.assertj.core.api.Assertions.assertThat;

import dev.quire.kernel.stat.KernelCounters;
import dev.quire.kernel.stat.VmEvent;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.List;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.Combinators;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;
import net.jqwik.api.Tuple;

/** The allocator against a bitmap of who has which frame. */
class PageAllocatorModelTest {
  private static final int DRAIN = 100;
  private static final int FREE = 101;

  /** A step: an order to allocate, or one of the constants; and which folio to free. */
  record Step(int action, int choice) {}

  record Machine(int pageShift, int pages, double fragmentation) {
    MemoryLayout layout() {
      MemoryLayout layout =
          pageShift == 12 ? MemoryLayout.x86(pages) : MemoryLayout.arm64(pageShift, pages);
      return layout.withFragmentation(new Fragmentation(fragmentation, 3));
    }
  }

  @Provide
  Arbitrary<List<Step>> steps() {
    Arbitrary<Integer> action =
        Arbitraries.frequency(
                Tuple.of(8, 0), Tuple.of(4, -1), Tuple.of(10, FREE), Tuple.of(1, DRAIN))
            .flatMap(a -> a == -1 ? Arbitraries.integers().between(1, 13) : Arbitraries.just(a));
    return Combinators.combine(action, Arbitraries.integers().between(0, 1 << 20))
        .as(Step::new)
        .list()
        .ofMaxSize(400);
  }

  @Provide
  Arbitrary<Machine> machines() {
    return Combinators.combine(
            Arbitraries.of(12, 14, 16),
            Arbitraries.integers().between(600, 40_000),
            Arbitraries.of(0.0, 0.0, 0.3))
        .as(Machine::new);
  }

  @Property(tries = 300, seed = "20261121")
  void noFrameIsLostOrOwnedTwice(
      @ForAll("machines") Machine machine, @ForAll("steps") List<Step> steps) {
    MemoryLayout layout = machine.layout();
    FrameTable frames = new FrameTable(layout.pages());
    KernelCounters counters = new KernelCounters();
    PageAllocator allocator = new PageAllocator(frames, layout, counters);
    BitSet owned = new BitSet();
    owned.set(0, (int) layout.reservedPages());
    List<Long> held = new ArrayList<>();
    for (Step step : steps) {
      if (step.action == DRAIN) {
        allocator.drain();
      } else if (step.action == FREE) {
        if (!held.isEmpty()) {
          long folio = held.remove(step.choice % held.size());
          owned.clear((int) folio, (int) folio + frames.pages(folio));
          frames.setRefCount(folio, 0);
          allocator.free(folio);
        }
      } else if (step.action <= layout.maxOrder()) {
        int order = step.action;
        long folio = allocator.allocate(order);
        if (folio == FrameTable.NONE) {
          requireNoneLeft(frames, allocator, owned, order);
        } else {
          int pages = 1 << order;
          assertThat(folio & pages - 1).isZero();
          assertThat(owned.nextSetBit((int) folio))
              .as("owned frame in the folio at %d of order %d", folio, order)
              .satisfiesAnyOf(
                  pfn -> assertThat(pfn).isNegative(),
                  pfn -> assertThat(pfn).isGreaterThanOrEqualTo((int) folio + pages));
          assertThat(folio + pages).isLessThanOrEqualTo(layout.pages());
          assertThat(frames.order(folio)).isEqualTo(order);
          assertThat(frames.refCount(folio)).isEqualTo(1);
          owned.set((int) folio, (int) folio + pages);
          held.add(folio);
        }
      }
      assertThat(allocator.freePages()).isEqualTo(layout.pages() - owned.cardinality());
    }
    for (long folio : held) {
      frames.setRefCount(folio, 0);
      allocator.free(folio);
    }
    KernelCounters.Snapshot counted = counters.snapshot();
    assertThat(counted.of(VmEvent.PGFREE))
        .isEqualTo(
            counted.of(VmEvent.PGALLOC_DMA)
                + counted.of(VmEvent.PGALLOC_DMA32)
                + counted.of(VmEvent.PGALLOC_NORMAL));
    assertThat(allocator.freePages()).isEqualTo(allocator.totalPages());
    allocator.drain();
    requireCoalesced(frames, layout);
  }

  /** An unfragmented machine may only refuse what no aligned free range or watermark allows. */
  private static void requireNoneLeft(
      FrameTable frames, PageAllocator allocator, BitSet owned, int order) {
    MemoryLayout layout = allocator.layout();
    if (layout.fragmentation().share() > 0) {
      return;
    }
    // Of these small machines at most 5 % and a few pages, plus 128 KiB, are kept back.
    long keptBack = layout.pages() / 20 + (1 << 17 >> layout.pageShift()) + (1L << order);
    for (MemoryLayout.Zone zone : layout.zones()) {
      int first = (int) zone.firstPfn();
      int end = (int) zone.endPfn();
      int free = end - first - owned.get(first, end).cardinality();
      if (free > 4 * keptBack && hasWhole(owned, first, end, 1 << order)) {
        // Orders above 3 are refused without a drain of the per-CPU lists: after one it is there.
        assertThat(order).isGreaterThan(PerCpuLists.COSTLY_ORDER);
        allocator.drain();
        long folio = allocator.allocate(order);
        assertThat(folio).isNotEqualTo(FrameTable.NONE);
        frames.setRefCount(folio, 0);
        allocator.free(folio);
        return;
      }
    }
  }

  private static boolean hasWhole(BitSet owned, int first, int end, int pages) {
    for (int pfn = first; pfn + pages <= end; pfn += pages) {
      int next = owned.nextSetBit(pfn);
      if (next < 0 || next >= pfn + pages) {
        return true;
      }
    }
    return false;
  }

  /** Every free block whose buddy is free and of its size should be one with it. */
  private static void requireCoalesced(FrameTable frames, MemoryLayout layout) {
    for (long pfn = 0; pfn < layout.pages(); pfn++) {
      if (frames.is(pfn, PageFlag.BUDDY)) {
        int order = frames.order(pfn);
        long buddy = pfn ^ 1L << order;
        boolean whole = layout.fragmentation().denies(pfn >>> order + 1, order + 1);
        if (order < layout.maxOrder() && buddy < layout.pages() && !whole) {
          assertThat(frames.is(buddy, PageFlag.BUDDY) && frames.order(buddy) == order)
              .as("buddies at %d and %d of order %d", pfn, buddy, order)
              .isFalse();
        }
      }
    }
  }
}
