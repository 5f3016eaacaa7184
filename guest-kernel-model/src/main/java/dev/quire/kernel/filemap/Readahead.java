package dev.quire.kernel.filemap;

import dev.quire.kernel.mm.VmFlags;
import dev.quire.kernel.mm.Vma;
import dev.quire.kernel.page.FrameTable;
import dev.quire.kernel.page.PageFlag;

/**
 * Reads a file's pages into its cache before they are asked for: windows that grow, a marker on the
 * page that starts the next window, folios that grow with it, and reading around the faults of
 * mappings. The disk answers at once, so pages read are up to date.
 *
 * <p>Indexes and sizes are base pages. Source: Linux v6.18 mm/readahead.c; do_sync_mmap_readahead
 * and do_async_mmap_readahead in mm/filemap.c.
 */
final class Readahead {
  private static final int LOTS_OF_MISSES = 100;

  private final PageCache cache;
  private final FileServices services;
  private final FrameTable frames;
  private final int maxOrder;
  private final int mostPages;
  private final ModelledFile file;
  private final ReadaheadState state = new ReadaheadState();

  /**
   * @param maxOrder largest folio of the file; 0 for a file system without large folios
   */
  Readahead(FileServices services, int maxOrder, ModelledFile file) {
    this.cache = file.cache();
    this.services = services;
    this.frames = services.frames();
    this.maxOrder = maxOrder;
    this.mostPages = services.settings().readaheadPages();
    this.file = file;
  }

  /** The last read ended before a position in this page. */
  void readTo(long page) {
    state.previousPage = page;
  }

  /** Pages that a fault found in the cache and mapped (filemap_map_pages). */
  void mapped(int hits) {
    state.mmapMiss = Math.max(0, state.mmapMiss - hits);
  }

  /** A read of {@code requested} pages from {@code index} found nothing (page_cache_sync_ra). */
  void missed(long index, long requested) {
    if (index != 0 && requested <= mostPages && outOfSequence(index)) {
      long miss = cache.previousMiss(index - 1, mostPages);
      long history = index - miss - 1;
      if (history <= requested) {
        readPages(index, requested, 0);
        return;
      }
      if (miss < 0) {
        history *= 2;
      }
      state.start = index;
      state.size = Math.min(history + requested, mostPages);
      state.asyncSize = 1;
    } else {
      state.start = index;
      state.size = initialSize(requested);
      state.asyncSize = state.size > requested ? state.size - requested : state.size >> 1;
    }
    state.order = 0;
    readWindow(state.start);
  }

  private boolean outOfSequence(long index) {
    long distance = index - state.previousPage;
    return distance < 0 || distance > 1;
  }

  /** The folio found has the marker: the next window is read (page_cache_async_ra). */
  void reachedMarker(long folio, long index, long requested) {
    frames.clear(folio, PageFlag.READAHEAD);
    long expected = state.start + state.size - state.asyncSize & -(long) frames.pages(folio);
    if (index == expected) {
      state.start += state.size;
      state.size = Math.max(state.size, nextSize(state.size));
    } else {
      long start = cache.nextMiss(index + 1, mostPages);
      if (start - index > mostPages) {
        return;
      }
      state.start = start;
      state.size = nextSize(start - index + requested);
    }
    state.order += 2;
    long align = 1L << Math.min(state.order, Integer.numberOfTrailingZeros(mostPages));
    long end = state.start + state.size;
    long alignedEnd = end & -align;
    if (alignedEnd > state.start) {
      state.size -= end - alignedEnd;
    }
    state.asyncSize = state.size;
    readWindow(state.start);
  }

  /** A fault missed the cache (do_sync_mmap_readahead). */
  void faultMissed(Vma vma, long index) {
    boolean huge = vma.is(VmFlags.HUGEPAGE) && services.settings().pmdOrder() <= maxOrder;
    boolean sequential = vma.is(VmFlags.SEQ_READ);
    if (!huge) {
      if (vma.is(VmFlags.RAND_READ) && !vma.is(VmFlags.EXEC) || mostPages == 0) {
        return;
      }
      if (sequential) {
        missed(index, mostPages);
        return;
      }
    }
    if (!sequential) {
      if (state.mmapMiss < LOTS_OF_MISSES * 10) {
        state.mmapMiss++;
      }
      if (state.mmapMiss > LOTS_OF_MISSES) {
        return;
      }
    }
    if (huge) {
      readHuge(vma, index);
    } else if (vma.is(VmFlags.EXEC)) {
      readExecutable(vma, index);
    } else {
      state.start = Math.max(0, index - mostPages / 2);
      state.size = mostPages;
      state.asyncSize = mostPages / 4;
      state.order = 0;
      readWindow(state.start);
    }
  }

  private void readHuge(Vma vma, long index) {
    long pages = 1L << services.settings().pmdOrder();
    state.size = vma.is(VmFlags.RAND_READ) ? pages : 2 * pages;
    state.asyncSize = pages;
    state.order = services.settings().pmdOrder();
    readWindow(index & -pages);
  }

  private void readExecutable(Vma vma, long index) {
    int order = services.settings().executableOrder();
    long vmaEnd = vma.pgoff() + (vma.end() - vma.start() >>> services.settings().pageShift());
    long start = Math.max(index >> order << order, vma.pgoff());
    long end = start + mostPages + (1L << order) - 1 >> order << order;
    state.order = order;
    state.start = start;
    state.size = Math.min(end, vmaEnd) - start;
    state.asyncSize = 0;
    readWindow(start);
  }

  /** A fault found its folio in the cache (do_async_mmap_readahead). */
  void faultHit(Vma vma, long folio, long index) {
    if (vma.is(VmFlags.RAND_READ) || mostPages == 0) {
      return;
    }
    if (state.mmapMiss > 0) {
      state.mmapMiss--;
    }
    if (frames.is(folio, PageFlag.READAHEAD)) {
      reachedMarker(folio, index, mostPages);
    }
  }

  /** MADV_WILLNEED: {@code pages} at most one window (force_page_cache_readahead). */
  void willNeed(long index, long pages) {
    readPages(index, Math.min(pages, mostPages), 0);
  }

  private long initialSize(long requested) {
    long size = Long.highestOneBit(Math.max(1, 2 * requested - 1));
    if (size <= mostPages / 32) {
      return size * 4;
    }
    return size <= mostPages / 4 ? size * 2 : mostPages;
  }

  private long nextSize(long size) {
    if (size < mostPages / 16) {
      return 4 * size;
    }
    return size <= mostPages / 2 ? 2 * size : mostPages;
  }

  /** Reads the window in folios of its order (page_cache_ra_order). */
  private void readWindow(long from) {
    long index = from;
    if (maxOrder == 0) {
      state.order = 0;
      readPages(index, state.size, state.asyncSize);
      return;
    }
    long limit = Math.min(file.sizeInPages() - 1, index + state.size - 1);
    long mark = index + state.size - state.asyncSize;
    int largest = Math.min(Math.min(maxOrder, state.order), log2(state.size));
    state.order = largest;
    while (index <= limit) {
      int order = Math.min(largest, Long.numberOfTrailingZeros(index));
      while (order > 0 && index + (1L << order) - 1 > limit) {
        order--;
      }
      if (!read(index, order, index == (mark & -(1L << order)))) {
        break;
      }
      index += 1L << order;
    }
    if (index <= limit && state.size > index - from) {
      readPages(index, state.size - (index - from), state.asyncSize);
    }
  }

  private static int log2(long size) {
    return Long.SIZE - 1 - Long.numberOfLeadingZeros(size);
  }

  /**
   * Reads single pages, none that is there already or past the end (do_page_cache_ra).
   *
   * @param asyncSize pages from the end on which the marker goes; 0 for no marker
   */
  private void readPages(long index, long pages, long asyncSize) {
    long behindLast = file.sizeInPages();
    if (index >= behindLast) {
      return;
    }
    // Linux compares with the distance to the last page, and so never reads fewer than that.
    long count = pages > behindLast - 1 - index ? behindLast - index : pages;
    long mark = asyncSize <= count ? count - asyncSize : Long.MAX_VALUE;
    for (long i = 0; i < count; i++) {
      if (cache.get(index + i) == PageCache.NONE && !read(index + i, 0, i == mark)) {
        return;
      }
    }
  }

  /**
   * @return false without memory, or if a page of the range is in the cache
   */
  private boolean read(long index, int order, boolean marker) {
    long folio = services.folios().allocator().allocate(order);
    if (folio == FrameTable.NONE) {
      return false;
    }
    if (!cache.add(folio, index)) {
      services.folios().put(folio, 1);
      return false;
    }
    services.contents().fromFile(folio, 1 << order, file, index);
    frames.set(folio, marker ? PageFlag.UPTODATE | PageFlag.READAHEAD : PageFlag.UPTODATE);
    services.folios().put(folio, 1);
    return true;
  }
}
