package dev.quire.kernel.page;

import dev.quire.kernel.stat.KernelCounters;
import dev.quire.kernel.stat.Primitive;

/**
 * The buddy lists of one zone. Blocks of the largest order that were never handed out are not on a
 * list but behind a cursor, so a zone costs nothing until it is used; they are taken in rising
 * order once the list is empty, as they would be from the list that boot leaves.
 *
 * <p>A block that {@link Fragmentation} denies is never whole: a request for it finds its halves,
 * and merging stops short of it, as if an immovable page stood in it.
 *
 * <p>Source: Linux v6.18 mm/page_alloc.c (__rmqueue_smallest, expand, __free_one_page).
 */
final class BuddyZone {
  /** What {@link #take} returns if the block that was next may not be had whole. */
  static final long DENIED = -2;

  private final FrameTable frames;
  private final KernelCounters counters;
  private final Fragmentation fragmentation;
  private final int maxOrder;
  private final long firstPfn;
  private final long endPfn;
  private final FrameList[] free;

  /** Bit n: the list of order n is not empty. */
  private int listed;

  /** Blocks of the largest order from here to {@link #untouchedEnd} were never handed out. */
  private long untouched;

  private final long untouchedEnd;
  private long freePages;

  BuddyZone(FrameTable frames, MemoryLayout layout, MemoryLayout.Zone zone, KernelCounters c) {
    this.frames = frames;
    this.counters = c;
    this.fragmentation = layout.fragmentation();
    this.maxOrder = layout.maxOrder();
    this.firstPfn = zone.firstPfn();
    this.endPfn = zone.endPfn();
    this.free = new FrameList[maxOrder + 1];
    for (int order = 0; order <= maxOrder; order++) {
      free[order] = new FrameList(frames, 0);
    }
    long blocks = 1L << maxOrder;
    long first = Math.min(endPfn, Math.max(firstPfn, layout.reservedPages()));
    untouched = Math.min(endPfn, first + blocks - 1 & -blocks);
    untouchedEnd = Math.max(untouched, endPfn & -blocks);
    for (long pfn = firstPfn; pfn < first; pfn++) {
      frames.set(pfn, PageFlag.RESERVED);
    }
    freePages = untouchedEnd - untouched;
    release(first, untouched);
    release(untouchedEnd, endPfn);
  }

  /** Puts frames on the lists in the largest aligned blocks. */
  private void release(long from, long to) {
    long pfn = from;
    while (pfn < to) {
      int order = Math.min(maxOrder, Long.numberOfTrailingZeros(pfn));
      while (pfn + (1L << order) > to || order > 0 && fragmentation.denies(pfn >>> order, order)) {
        order--;
      }
      add(pfn, order, true);
      pfn += 1L << order;
    }
    freePages += to - from;
  }

  long freePages() {
    return freePages;
  }

  long firstPfn() {
    return firstPfn;
  }

  long endPfn() {
    return endPfn;
  }

  /** Whether the first page is that of a whole free block of {@code order} or larger. */
  boolean isFreeBlock(long pfn, int order) {
    return pfn >= untouched && pfn < untouchedEnd
        || frames.is(pfn, PageFlag.BUDDY) && frames.order(pfn) >= order;
  }

  /**
   * Takes a block off the lists: the smallest that is large enough, halved down to the order.
   *
   * @return its first frame, {@link FrameTable#NONE} or {@link #DENIED}
   */
  long take(int order) {
    int lists = listed >>> order << order;
    int have;
    long block;
    if (lists != 0) {
      have = Integer.numberOfTrailingZeros(lists);
      block = free[have].first();
      remove(block, have);
    } else if (untouched < untouchedEnd) {
      have = maxOrder;
      block = untouched;
      untouched += 1L << maxOrder;
    } else {
      return FrameTable.NONE;
    }
    if (have > order) {
      counters.count(Primitive.BUDDY_SPLIT, have - order);
      for (int half = have - 1; half >= order; half--) {
        add(block + (1L << half), half, false);
      }
    }
    if (order > 0 && fragmentation.denies(block >>> order, order)) {
      add(block + (1L << order - 1), order - 1, false);
      add(block, order - 1, false);
      return DENIED;
    }
    frames.reset(block, 0, order);
    freePages -= 1L << order;
    counters.count(Primitive.BUDDY_ALLOC);
    return block;
  }

  /** Takes a given free block of the largest order off the lists, for a gigantic folio. */
  void takeBlock(long pfn) {
    if (pfn >= untouched && pfn < untouchedEnd) {
      // What is skipped goes to the end of the list: it is still the next to be taken after it.
      for (; untouched < pfn; untouched += 1L << maxOrder) {
        add(untouched, maxOrder, true);
      }
      untouched += 1L << maxOrder;
    } else {
      remove(pfn, maxOrder);
    }
    freePages -= 1L << maxOrder;
    counters.count(Primitive.BUDDY_ALLOC);
  }

  /** Gives a block back and merges it with its free buddies. */
  void free(long block, int order) {
    counters.count(Primitive.BUDDY_FREE);
    freePages += 1L << order;
    long pfn = block;
    int merged = order;
    while (merged < maxOrder && canMerge(pfn, merged)) {
      remove(pfn ^ 1L << merged, merged);
      pfn &= ~(1L << merged);
      merged++;
    }
    if (merged > order) {
      counters.count(Primitive.BUDDY_MERGE, merged - order);
    }
    // Linux: a block whose parent's buddy is free goes last, as it is likely to merge soon.
    boolean last = merged < maxOrder - 1 && canMerge(pfn & ~(1L << merged), merged + 1);
    add(pfn, merged, last);
  }

  private boolean canMerge(long pfn, int order) {
    long buddy = pfn ^ 1L << order;
    return buddy >= firstPfn
        && buddy < endPfn
        && isListed(buddy, order)
        && !fragmentation.denies(pfn >>> order + 1, order + 1);
  }

  private boolean isListed(long pfn, int order) {
    return frames.is(pfn, PageFlag.BUDDY) && frames.order(pfn) == order;
  }

  private void add(long pfn, int order, boolean last) {
    frames.reset(pfn, PageFlag.BUDDY, order);
    if (last) {
      free[order].addLast(pfn);
    } else {
      free[order].addFirst(pfn);
    }
    listed |= 1 << order;
  }

  private void remove(long pfn, int order) {
    frames.reset(pfn, 0, order);
    FrameList list = free[order];
    list.remove(pfn);
    if (list.isEmpty()) {
      listed &= ~(1 << order);
    }
  }
}
