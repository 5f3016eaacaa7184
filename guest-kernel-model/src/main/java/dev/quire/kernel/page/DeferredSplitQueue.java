package dev.quire.kernel.page;

import dev.quire.kernel.stat.KernelCounters;
import dev.quire.kernel.stat.MthpStat;
import dev.quire.kernel.stat.Primitive;
import dev.quire.kernel.stat.VmEvent;

/**
 * Large anonymous folios that could give memory back if they were split: those of which some pages
 * are no longer mapped, and PMD-sized ones that may turn out to hold mostly zeroes. The oldest is
 * first.
 *
 * <p>Used on the kernel's thread. Source: Linux v6.18 mm/huge_memory.c (deferred_split_folio,
 * __folio_unqueue_deferred_split).
 */
public final class DeferredSplitQueue {
  private final FrameTable frames;
  private final KernelCounters counters;
  private final int pmdOrder;
  private final FrameList queue;

  /**
   * @param pmdOrder the order that one PMD maps
   */
  public DeferredSplitQueue(FrameTable frames, KernelCounters counters, int pmdOrder) {
    this.frames = frames;
    this.counters = counters;
    this.pmdOrder = pmdOrder;
    // The folio's own links are the LRU's.
    this.queue = new FrameList(frames, 2);
  }

  /**
   * Queues a folio if it can be queued and is not yet (deferred_split_folio).
   *
   * @param partiallyMapped whether some of its pages are no longer mapped; false if it is queued
   *     because it may hold mostly zeroes
   */
  public void add(long folio, boolean partiallyMapped) {
    int order = frames.order(folio);
    if (order <= 1 || frames.is(folio, PageFlag.SWAPCACHE)) {
      return;
    }
    if (partiallyMapped && !frames.is(folio, PageFlag.PARTIALLY_MAPPED)) {
      frames.set(folio, PageFlag.PARTIALLY_MAPPED);
      if (order >= pmdOrder) {
        counters.event(VmEvent.THP_DEFERRED_SPLIT_PAGE);
      }
      counters.mthp(order, MthpStat.SPLIT_DEFERRED, 1);
      counters.mthp(order, MthpStat.NR_ANON_PARTIALLY_MAPPED, 1);
    }
    if (!frames.is(folio, PageFlag.DEFERRED_SPLIT)) {
      frames.set(folio, PageFlag.DEFERRED_SPLIT);
      counters.count(Primitive.DEFERRED_SPLIT_QUEUE);
      queue.addLast(folio);
    }
  }

  /** Takes a folio off the queue, before it is freed or split; says whether it was on it. */
  public boolean remove(long folio) {
    if (!frames.is(folio, PageFlag.DEFERRED_SPLIT)) {
      return false;
    }
    counters.count(Primitive.DEFERRED_SPLIT_UNQUEUE);
    if (frames.is(folio, PageFlag.PARTIALLY_MAPPED)) {
      counters.mthp(frames.order(folio), MthpStat.NR_ANON_PARTIALLY_MAPPED, -1);
    }
    frames.clear(folio, PageFlag.DEFERRED_SPLIT | PageFlag.PARTIALLY_MAPPED);
    queue.remove(folio);
    return true;
  }

  /** The folio queued longest ago, or {@link FrameTable#NONE}. */
  public long first() {
    return queue.first();
  }

  public int size() {
    return queue.length();
  }
}
