package dev.quire.kernel.page;

import dev.quire.kernel.stat.KernelCounters;
import dev.quire.kernel.stat.Primitive;
import java.util.Random;

/**
 * The per-CPU lists of one zone, for the one CPU that the modelled kernel runs on: orders up to
 * {@link #COSTLY_ORDER} and that of a PMD, filled and drained in batches that grow with use.
 *
 * <p>Source: Linux v6.18 mm/page_alloc.c (nr_pcp_alloc, nr_pcp_free, nr_pcp_high,
 * free_pcppages_bulk, zone_batchsize, zone_highsize).
 */
final class PerCpuLists {
  /** PAGE_ALLOC_COSTLY_ORDER. */
  static final int COSTLY_ORDER = 3;

  /** CONFIG_PCP_BATCH_SCALE_MAX. */
  private static final int SCALE_MAX = 5;

  private static final int BATCH_BYTES = 1 << 18;

  /** vm.percpu_pagelist_high_fraction's least value: what the high mark may grow to. */
  private static final int MIN_HIGH_FRACTION = 8;

  private static final int LISTS = COSTLY_ORDER + 2;

  private final BuddyZone buddy;
  private final KernelCounters counters;
  private final int pmdOrder;
  private final FrameRing[] lists = new FrameRing[LISTS];
  private final int batch;
  private final int highMin;
  private final int highMax;
  private final boolean fragmented;
  private int high;
  private int count;
  private int allocFactor;
  private int freeCount;
  private boolean previousWasHighOrder;

  /** Null unless base pages come in a random order. */
  private Random random;

  PerCpuLists(
      BuddyZone buddy, MemoryLayout layout, long managed, long lowMark, KernelCounters counters) {
    this.buddy = buddy;
    this.counters = counters;
    this.pmdOrder = layout.pmdOrder();
    this.fragmented = layout.fragmentation().share() > 0;
    long most = Math.min(managed >>> 12, BATCH_BYTES >>> layout.pageShift());
    this.batch = most <= 1 ? 1 : Integer.highestOneBit((int) (most + most / 2)) - 1;
    this.highMin = (int) Math.max(lowMark / layout.cpus(), batch << 2);
    this.highMax = (int) Math.max(managed / MIN_HIGH_FRACTION / layout.cpus(), highMin);
    this.high = highMin;
    for (int i = 0; i < LISTS; i++) {
      lists[i] = new FrameRing();
    }
  }

  /** Has base pages come in a random order from now on, as on a machine that has run for long. */
  void shuffle(Random order) {
    random = order;
  }

  /** Whether folios of the order go through these lists. */
  static boolean serves(int order, int pmdOrder) {
    return order <= COSTLY_ORDER || order == pmdOrder;
  }

  int pages() {
    return count;
  }

  private FrameRing list(int order) {
    return lists[order <= COSTLY_ORDER ? order : COSTLY_ORDER + 1];
  }

  private int orderOf(int list) {
    return list <= COSTLY_ORDER ? list : pmdOrder;
  }

  /** A free folio of the order, or what {@link BuddyZone#take} said instead. */
  long allocate(int order, boolean belowHigh) {
    freeCount >>= 1;
    FrameRing list = list(order);
    if (list.isEmpty()) {
      long last = refill(list, order, belowHigh);
      if (list.isEmpty()) {
        return last;
      }
    }
    count -= 1 << order;
    counters.count(Primitive.PCP_ALLOC);
    return list.removeFirst();
  }

  private long refill(FrameRing list, int order, boolean belowHigh) {
    // One at a time where blocks are denied, so that each denial is one request's.
    int wanted = fragmented && order > 0 ? 1 : refillCount(order, belowHigh);
    counters.count(Primitive.ZONE_LOCK);
    long block = FrameTable.NONE;
    for (int i = 0; i < wanted; i++) {
      block = buddy.take(order);
      if (block < 0) {
        break;
      }
      list.addLast(block);
      count += 1 << order;
    }
    if (random != null && order == 0) {
      list.shuffle(random);
    }
    return block;
  }

  private int refillCount(int order, boolean belowHigh) {
    high = Math.clamp(high, highMin, highMax);
    if (high < batch) {
      return 1;
    }
    int wanted = order == 0 ? batch << allocFactor : batch;
    if (highMin != highMax && !belowHigh) {
      high = Math.min(high + wanted, highMax);
    }
    if (order == 0) {
      int most = Math.max(high - count - batch, batch);
      if (wanted <= most && allocFactor < SCALE_MAX) {
        allocFactor++;
      }
      wanted = Math.min(wanted, most);
    }
    return wanted > 1 ? Math.max(wanted >> order, 2) : wanted;
  }

  void free(long folio, int order, boolean belowHigh) {
    allocFactor >>= 1;
    counters.count(Primitive.PCP_FREE);
    list(order).addFirst(folio);
    count += 1 << order;
    boolean freeHigh = false;
    if (order > 0 && order <= COSTLY_ORDER) {
      freeHigh = previousWasHighOrder && freeCount >= batch + highMin / 2 && count >= batch;
      previousWasHighOrder = true;
    } else {
      previousWasHighOrder = false;
    }
    if (freeCount < batch << SCALE_MAX) {
      freeCount += 1 << order;
    }
    int mark = highMark(freeHigh, belowHigh);
    if (count >= mark) {
      drain(drainCount(mark, freeHigh), order);
    }
  }

  private int highMark(boolean freeHigh, boolean belowHigh) {
    high = Math.clamp(high, highMin, highMax);
    if (freeHigh) {
      high = Math.max(high - (batch << SCALE_MAX), highMin);
      return 0;
    }
    if (highMin == highMax) {
      return high;
    }
    if (belowHigh) {
      high = Math.max(high - Math.max(freeCount, batch), highMin);
      return Math.max(count, highMin);
    }
    int mark = high;
    if (count >= high && high < freeCount + batch) {
      high = Math.clamp(freeCount + batch, highMin, highMax);
    }
    return mark;
  }

  private int drainCount(int mark, boolean freeHigh) {
    if (freeHigh) {
      return Math.min(count, batch << SCALE_MAX);
    }
    if (mark < batch) {
      return 1;
    }
    return Math.clamp(freeCount, batch, Math.max(batch, mark - batch));
  }

  /** Gives everything back to the buddy lists. */
  void drain() {
    if (count > 0) {
      drain(count, 0);
    }
  }

  /** Gives pages back, oldest first, from the list of {@code order} on and around. */
  private void drain(int pages, int order) {
    int left = Math.min(pages, count);
    int list = order <= COSTLY_ORDER ? order : COSTLY_ORDER + 1;
    int underLock = 0;
    while (left > 0) {
      FrameRing ring = lists[list];
      int size = orderOf(list);
      while (left > 0 && !ring.isEmpty()) {
        // The lock is dropped every batch of pages, and covers one folio at least.
        if (underLock <= 0) {
          counters.count(Primitive.ZONE_LOCK);
          underLock = batch;
        }
        buddy.free(ring.removeLast(), size);
        left -= 1 << size;
        count -= 1 << size;
        underLock -= 1 << size;
      }
      list = list == LISTS - 1 ? 0 : list + 1;
    }
  }
}
