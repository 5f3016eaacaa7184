package dev.quire.kernel.page;

import dev.quire.kernel.stat.KernelCounters;
import dev.quire.kernel.stat.MthpStat;
import dev.quire.kernel.stat.Primitive;
import java.util.Arrays;

/**
 * The life of a folio: references, the LRU, and what happens when the last reference goes.
 *
 * <p>Used on the kernel's thread. Source: Linux v6.18 mm/swap.c (__folio_put, folios_put_refs),
 * mm/page_alloc.c (__free_pages_prepare).
 */
public final class Folios {
  private final FrameTable frames;
  private final PageAllocator allocator;
  private final DeferredSplitQueue deferred;
  private final KernelCounters counters;
  private final Lru lru;
  private HugetlbPool[] pools = {};

  public Folios(
      FrameTable frames,
      PageAllocator allocator,
      DeferredSplitQueue deferred,
      KernelCounters counters) {
    this.frames = frames;
    this.allocator = allocator;
    this.deferred = deferred;
    this.counters = counters;
    this.lru = new Lru(frames, counters, this);
  }

  public FrameTable frames() {
    return frames;
  }

  public PageAllocator allocator() {
    return allocator;
  }

  public DeferredSplitQueue deferred() {
    return deferred;
  }

  public Lru lru() {
    return lru;
  }

  /** Takes {@code references} more references by one atomic (folio_ref_add). */
  public void get(long folio, int references) {
    counters.count(Primitive.REFCOUNT_ATOMIC);
    frames.addRefs(folio, references);
  }

  /**
   * Gives references back by one atomic; with the last the folio is freed (folio_put_refs).
   *
   * @throws IllegalStateException if there were fewer
   */
  public void put(long folio, int references) {
    counters.count(Primitive.REFCOUNT_ATOMIC);
    drop(folio, references);
  }

  /**
   * Makes a frame that the allocator does not have a page: with one reference that stays with
   * whoever lends it, so that the page is never freed.
   */
  public void lend(long pfn) {
    frames.makeFolio(pfn, 0);
    frames.setRefCount(pfn, 1);
  }

  /**
   * Ends what {@link #lend} began.
   *
   * @throws IllegalStateException if somebody still has the page
   */
  public void takeBack(long pfn) {
    frames.addRefs(pfn, -1);
    if (!frames.retire(pfn, 0)) {
      throw new IllegalStateException("pfn 0x%x was lent and is in use".formatted(pfn));
    }
  }

  /** The LRU batch's own reference: part of the price of adding. */
  void putUncounted(long folio) {
    drop(folio, 1);
  }

  private void drop(long folio, int references) {
    int left = frames.addRefs(folio, -references);
    if (left == 0) {
      release(folio);
    } else if (left < 0) {
      throw new IllegalStateException(
          "pfn 0x%x: %d references given back, %d too many".formatted(folio, references, -left));
    }
  }

  private void release(long folio) {
    int flags = frames.flags(folio);
    if ((flags & PageFlag.HUGETLB) != 0) {
      pool(frames.order(folio)).free(folio);
      return;
    }
    if ((flags & PageFlag.DEFERRED_SPLIT) != 0) {
      deferred.remove(folio);
    }
    if ((flags & PageFlag.LRU) != 0) {
      lru.release(folio);
    }
    if ((flags & (PageFlag.HEAD | PageFlag.ANON)) == (PageFlag.HEAD | PageFlag.ANON)) {
      counters.mthp(frames.order(folio), MthpStat.NR_ANON, -1);
    }
    allocator.free(folio);
  }

  /**
   * Splits a large folio into folios of {@code newOrder}: it leaves the deferred split queue, and
   * the new ones are on the LRU list that it is on. Its references must be the caller's to dispose
   * of, and no PMD may map it; PTEs may still map its pages, each counted at its page.
   *
   * <p>Source: Linux v6.18 mm/huge_memory.c (__folio_split, __split_folio_to_order).
   *
   * @param references what each new folio starts with
   * @throws IllegalStateException if a PMD maps the folio, or it has no larger order
   */
  public void split(long folio, int newOrder, int references) {
    int order = frames.order(folio);
    int flags = frames.flags(folio);
    deferred.remove(folio);
    frames.clear(folio, PageFlag.PARTIALLY_MAPPED | PageFlag.MAYBE_MAPPED_SHARED);
    boolean listed = (flags & PageFlag.LRU) != 0;
    if (listed) {
      lru.unlink(folio);
    }
    frames.splitFolio(folio, newOrder, references);
    int parts = 1 << order - newOrder;
    if (listed) {
      for (int i = 0; i < parts; i++) {
        lru.link(folio + ((long) i << newOrder));
      }
    }
    if ((flags & PageFlag.ANON) != 0) {
      counters.mthp(order, MthpStat.NR_ANON, -1);
      if (newOrder > 0) {
        counters.mthp(newOrder, MthpStat.NR_ANON, parts);
      }
    }
  }

  /** Puts a new folio on its way to an LRU list. */
  public void addToLru(long folio) {
    lru.add(folio);
  }

  /** The hugetlb pool of an order, empty at first. */
  public HugetlbPool pool(int order) {
    for (HugetlbPool pool : pools) {
      if (pool.order() == order) {
        return pool;
      }
    }
    HugetlbPool[] grown = Arrays.copyOf(pools, pools.length + 1);
    HugetlbPool pool = new HugetlbPool(frames, allocator, order);
    grown[pools.length] = pool;
    pools = grown;
    return pool;
  }
}
