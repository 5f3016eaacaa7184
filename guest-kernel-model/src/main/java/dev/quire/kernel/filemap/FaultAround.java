package dev.quire.kernel.filemap;

import dev.quire.kernel.mm.FaultContext;
import dev.quire.kernel.mm.Vma;
import dev.quire.kernel.page.FrameTable;
import dev.quire.kernel.page.PageFlag;

/**
 * Maps what is cached round a page that was read (filemap_map_pages): pages of the window that are
 * up to date and without a readahead marker; a large folio as a whole where it lies in the mapping,
 * in one page table and within the file. shmem folios may reach beyond the end of their file.
 *
 * <p>Used on the kernel's thread. Source: Linux v6.18 mm/filemap.c.
 */
final class FaultAround {
  private final ModelledFile file;
  private final PageCache cache;
  private final FrameTable frames;
  private final int pageShift;
  private final int pmdOrder;
  private final boolean shmem;

  /** Pages that the last {@link #map} found, mapped already or not. */
  private int hits;

  FaultAround(ModelledFile file, boolean shmem) {
    this.file = file;
    this.cache = file.cache();
    this.frames = file.services().frames();
    this.pageShift = file.services().settings().pageShift();
    this.pmdOrder = file.services().settings().pmdOrder();
    this.shmem = shmem;
  }

  int hits() {
    return hits;
  }

  /** Maps pages of the file from {@code first} to {@code last} and returns how many. */
  int map(FaultContext fault, long first, long last) {
    hits = 0;
    long fileEnd = file.sizeInPages() - 1;
    long end = Math.min(last, fileEnd);
    int mapped = 0;
    boolean begun = false;
    for (long folio = first > end ? PageCache.NONE : cache.first(first, end);
        folio != PageCache.NONE;
        folio = cache.following(end)) {
      if (!frames.is(folio, PageFlag.UPTODATE) || frames.is(folio, PageFlag.READAHEAD)) {
        continue;
      }
      long index = frames.index(folio);
      int pages = frames.pages(folio);
      boolean whole = shmem || fileEnd >= index + pages;
      if (!begun) {
        begun = true;
        if (whole && frames.order(folio) == pmdOrder && fault.mapPmd(folio)) {
          return pages;
        }
        // Linux installs the page table on the way of mapping a PMD, and so not for this folio.
        if (!whole && fault.isPmdNone()) {
          return 0;
        }
      }
      long from = Math.max(index, first);
      int count = (int) (Math.min(index + pages - 1, end) - from + 1);
      if (pages > 1 && whole && fits(fault, index, pages)) {
        from = index;
        count = pages;
      }
      hits += count;
      mapped += fault.mapRange(folio, folio + (from - index), from, count);
    }
    return mapped;
  }

  /** Whether a folio lies in the VMA and in one page table. */
  private boolean fits(FaultContext fault, long index, int pages) {
    Vma vma = fault.vma();
    long firstPage = (vma.start() >>> pageShift) + index - vma.pgoff();
    return index >= vma.pgoff()
        && firstPage + pages <= vma.end() >>> pageShift
        && firstPage >>> pmdOrder == firstPage + pages - 1 >>> pmdOrder;
  }
}
