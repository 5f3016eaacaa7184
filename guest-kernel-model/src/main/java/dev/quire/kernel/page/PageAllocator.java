package dev.quire.kernel.page;

import dev.quire.kernel.stat.KernelCounters;
import dev.quire.kernel.stat.Primitive;
import dev.quire.kernel.stat.VmEvent;
import java.util.Random;

/**
 * The page allocator of a modelled machine: zones with watermarks, per-CPU lists above buddy lists.
 * There is no reclaim: where Linux would reclaim and then kill, {@link #allocate} fails.
 *
 * <p>Orders and frames count base pages of the kernel. Used on the kernel's thread. Source: Linux
 * v6.18 mm/page_alloc.c (get_page_from_freelist, rmqueue, free_frozen_pages,
 * __setup_per_zone_wmarks, setup_per_zone_lowmem_reserve).
 */
public final class PageAllocator {
  private static final int DMA_RATIO = 256;
  private static final int WATERMARK_SCALE = 10;
  private static final long LEAST_MIN_FREE_KIB = 128;
  private static final long MOST_MIN_FREE_KIB = 262144;

  /** A zone with its marks, in pages. */
  private static final class Zone {
    final BuddyZone buddy;
    final PerCpuLists lists;
    final VmEvent allocated;
    final long min;
    final long low;
    final long highMark;

    /** What allocations that could come from a higher zone must leave here. */
    final long reserve;

    Zone(BuddyZone buddy, PerCpuLists lists, VmEvent allocated, long[] marks, long reserve) {
      this.buddy = buddy;
      this.lists = lists;
      this.allocated = allocated;
      this.min = marks[0];
      this.low = marks[1];
      this.highMark = marks[2];
      this.reserve = reserve;
    }

    boolean belowHigh() {
      return buddy.freePages() < highMark;
    }
  }

  private final FrameTable frames;
  private final MemoryLayout layout;
  private final KernelCounters counters;

  /** The highest first: the order in which user memory falls back. */
  private final Zone[] zones;

  private final long totalPages;

  /**
   * @throws IllegalArgumentException if the layout has more frames than the table
   */
  public PageAllocator(FrameTable frames, MemoryLayout layout, KernelCounters counters) {
    if (layout.pages() > frames.frames()) {
      throw new IllegalArgumentException(
          layout.pages() + " pages in a table of " + frames.frames() + " frames");
    }
    this.frames = frames;
    this.layout = layout;
    this.counters = counters;
    int count = layout.zones().size();
    this.zones = new Zone[count];
    long above = 0;
    for (int i = count - 1; i >= 0; i--) {
      MemoryLayout.Zone zone = layout.zones().get(i);
      BuddyZone buddy = new BuddyZone(frames, layout, zone, counters);
      long managed = buddy.freePages();
      long[] marks = marks(managed);
      zones[count - 1 - i] =
          new Zone(
              buddy,
              new PerCpuLists(buddy, layout, managed, marks[1], counters),
              switch (zone.kind()) {
                case DMA -> VmEvent.PGALLOC_DMA;
                case DMA32 -> VmEvent.PGALLOC_DMA32;
                case NORMAL -> VmEvent.PGALLOC_NORMAL;
              },
              marks,
              above / DMA_RATIO);
      above += managed;
    }
    this.totalPages = above;
  }

  /** Marks min, low and high of a zone of so many pages. */
  private long[] marks(long managed) {
    long lowmem = layout.pages() - layout.reservedPages();
    int kibShift = layout.pageShift() - 10;
    long kib =
        Math.clamp(
            (long) Math.sqrt((lowmem << kibShift) * 16.0), LEAST_MIN_FREE_KIB, MOST_MIN_FREE_KIB);
    long pageBlock = 1L << Math.min(layout.pmdOrder(), layout.maxOrder());
    // khugepaged raises it so that each mobility type can have blocks of its own.
    long recommended = Math.min(pageBlock * layout.zones().size() * 11, lowmem / 20);
    long pagesMin = Math.max(kib >>> kibShift, recommended);
    long min = pagesMin * managed / lowmem;
    long step = Math.max(min >>> 2, managed * WATERMARK_SCALE / 10_000);
    return new long[] {min, min + step, min + 2 * step};
  }

  /**
   * A folio of 2^order pages with one reference, from the highest zone that has it.
   *
   * @return its first frame, or {@link FrameTable#NONE}: smaller orders are for the caller to try
   */
  public long allocate(int order) {
    if (order > layout.maxOrder()) {
      return allocateGigantic(order);
    }
    long folio = search(order, false);
    if (folio == FrameTable.NONE) {
      folio = search(order, true);
      if (folio == FrameTable.NONE && order <= PerCpuLists.COSTLY_ORDER && drain()) {
        folio = search(order, true);
      }
    }
    if (folio < 0) {
      return FrameTable.NONE;
    }
    frames.makeFolio(folio, order);
    frames.setRefCount(folio, 1);
    return folio;
  }

  private long search(int order, boolean downToMin) {
    for (Zone zone : zones) {
      long mark = (downToMin ? zone.min : zone.low) + zone.reserve;
      if (zone.buddy.freePages() - (1L << order) < mark) {
        continue;
      }
      long folio = takeFrom(zone, order);
      if (folio >= 0) {
        counters.event(zone.allocated, 1L << order);
      }
      if (folio != FrameTable.NONE) {
        // A denial stands for all memory: it would be no share if another zone were asked then.
        return folio;
      }
    }
    return FrameTable.NONE;
  }

  private long takeFrom(Zone zone, int order) {
    if (PerCpuLists.serves(order, layout.pmdOrder())) {
      return zone.lists.allocate(order, zone.belowHigh());
    }
    counters.count(Primitive.ZONE_LOCK);
    return zone.buddy.take(order);
  }

  /**
   * A folio larger than the buddy allocator has, out of adjacent free blocks (alloc_contig_pages;
   * nothing is migrated out of the way).
   */
  private long allocateGigantic(int order) {
    long pages = 1L << order;
    long block = 1L << layout.maxOrder();
    for (Zone zone : zones) {
      if (zone.buddy.freePages() - pages < zone.min) {
        continue;
      }
      long end = zone.buddy.endPfn();
      for (long first = zone.buddy.firstPfn() + pages - 1 & -pages;
          first + pages <= end;
          first += pages) {
        if (!layout.fragmentation().denies(first >>> order, order)
            && allFree(zone.buddy, first, first + pages, block)) {
          counters.count(Primitive.ZONE_LOCK);
          for (long pfn = first; pfn < first + pages; pfn += block) {
            zone.buddy.takeBlock(pfn);
          }
          frames.makeFolio(first, order);
          frames.setRefCount(first, 1);
          counters.event(zone.allocated, pages);
          return first;
        }
      }
    }
    return FrameTable.NONE;
  }

  private boolean allFree(BuddyZone buddy, long from, long to, long block) {
    for (long pfn = from; pfn < to; pfn += block) {
      if (!buddy.isFreeBlock(pfn, layout.maxOrder())) {
        return false;
      }
    }
    return true;
  }

  /**
   * Takes a folio back.
   *
   * @throws IllegalStateException if it is referenced or mapped (Linux: bad page state)
   */
  public void free(long folio) {
    int order = frames.order(folio);
    if (!frames.retire(folio, order)) {
      throw badState(folio, order);
    }
    counters.event(VmEvent.PGFREE, 1L << order);
    if (order > 0) {
      counters.count(Primitive.COMPOUND_FREE);
    }
    Zone zone = zoneOf(folio);
    if (order > layout.maxOrder()) {
      counters.count(Primitive.ZONE_LOCK);
      for (long pfn = folio; pfn < folio + (1L << order); pfn += 1L << layout.maxOrder()) {
        zone.buddy.free(pfn, layout.maxOrder());
      }
    } else if (PerCpuLists.serves(order, layout.pmdOrder())) {
      zone.lists.free(folio, order, zone.belowHigh());
    } else {
      counters.count(Primitive.ZONE_LOCK);
      zone.buddy.free(folio, order);
    }
  }

  private IllegalStateException badState(long folio, int order) {
    boolean mapped =
        frames.mapCount(folio) != 0
            || order > 0 && (frames.nrPagesMapped(folio) | frames.entireMapCount(folio)) != 0;
    return new IllegalStateException(
        "bad page state: pfn 0x%x, order %d, flags 0x%x, %d references, %s"
            .formatted(
                folio,
                order,
                frames.flags(folio),
                frames.refCount(folio),
                mapped ? "mapped" : "not mapped"));
  }

  private Zone zoneOf(long pfn) {
    for (Zone zone : zones) {
      if (pfn >= zone.buddy.firstPfn()) {
        return zone;
      }
    }
    throw new IllegalArgumentException("pfn 0x%x is in no zone".formatted(pfn));
  }

  /**
   * Has base pages come in a random order from now on, as on a machine that has run for long: pages
   * that are handed out one after the other are neighbours by chance alone.
   */
  public void shuffle(long seed) {
    for (int i = 0; i < zones.length; i++) {
      zones[i].lists.shuffle(new Random(seed + i));
    }
  }

  /** Gives what the per-CPU lists hold back to the buddy lists; says whether there was any. */
  public boolean drain() {
    boolean any = false;
    for (Zone zone : zones) {
      any |= zone.lists.pages() > 0;
      zone.lists.drain();
    }
    return any;
  }

  /** Pages that nobody has, those on per-CPU lists included. */
  public long freePages() {
    long pages = 0;
    for (Zone zone : zones) {
      pages += zone.buddy.freePages() + zone.lists.pages();
    }
    return pages;
  }

  /** Pages that can be given out at all (MemTotal): the machine's without the kernel's image. */
  public long totalPages() {
    return totalPages;
  }

  public MemoryLayout layout() {
    return layout;
  }
}
