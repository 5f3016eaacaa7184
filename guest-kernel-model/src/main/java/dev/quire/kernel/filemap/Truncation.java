package dev.quire.kernel.filemap;

import dev.quire.kernel.page.FrameTable;
import dev.quire.kernel.page.PageFlag;
import dev.quire.kernel.stat.MthpStat;
import dev.quire.kernel.stat.VmEvent;

/**
 * Takes a range out of a file's cache: whole folios go, and a large one that lies in the range with
 * a part only is split so that its pages of the range can go. A folio that may not be split, dirty
 * on its way to a disk, stays: zeroed and unmapped if it is dirty, gone altogether if not.
 *
 * <p>The caller has unmapped the pages of the range. Offsets are bytes, the last one inclusive.
 * Source: Linux v6.18 mm/truncate.c (truncate_inode_pages_range, truncate_inode_partial_folio),
 * mm/shmem.c (shmem_undo_range), mm/huge_memory.c (folio_split, non-uniform).
 */
final class Truncation {
  private final ModelledFile file;
  private final PageCache cache;
  private final FileServices services;
  private final FrameTable frames;
  private final int pageShift;

  /** Where the fully covered pages begin and end, as far as partial folios leave them. */
  private long start;

  private long end;

  Truncation(ModelledFile file) {
    this.file = file;
    this.cache = file.cache();
    this.services = file.services();
    this.frames = services.frames();
    this.pageShift = services.settings().pageShift();
  }

  /** Removes all that is cached of a range. */
  void remove(long firstByte, long lastByte) {
    if (cache.pages() == 0) {
      return;
    }
    start = services.settings().pagesUp(firstByte);
    end = lastByte == Long.MAX_VALUE ? Long.MAX_VALUE : lastByte + 1 >>> pageShift;
    removeWhole();
    long firstPage = firstByte >>> pageShift;
    long lastPage = lastByte >>> pageShift;
    boolean same = firstPage == lastPage;
    long folio = cache.get(firstPage);
    if (folio != PageCache.NONE) {
      long index = frames.index(folio);
      int pages = frames.pages(folio);
      same = lastByte >>> pageShift < index + pages;
      if (!removePart(folio, firstByte, lastByte)) {
        start = index + pages;
        end = same ? index : end;
      }
    }
    if (!same) {
      folio = cache.get(lastPage);
      if (folio != PageCache.NONE) {
        long index = frames.index(folio);
        if (!removePart(folio, firstByte, lastByte)) {
          end = index;
        }
      }
    }
    removeWhole();
  }

  /** Removes folios that lie in the pages from start to end altogether. */
  private void removeWhole() {
    long from = start;
    while (from < end) {
      long folio = cache.first(from, end - 1);
      if (folio == PageCache.NONE) {
        return;
      }
      long index = frames.index(folio);
      long next = index + frames.pages(folio);
      if (index >= start && next <= end) {
        removeFolio(folio);
      }
      from = next;
    }
  }

  /** truncate_inode_folio: whatever still maps it first. */
  private void removeFolio(long folio) {
    unmap(folio);
    frames.clear(folio, PageFlag.DIRTY);
    cache.remove(folio);
  }

  private void unmap(long folio) {
    if (frames.folioMapCount(folio) > 0) {
      services.mappings().unmap(file.mappings(), frames.index(folio), frames.pages(folio), false);
    }
  }

  /**
   * Zeroes the pages of a folio in the range and splits it so that they can be removed.
   *
   * @return false if it stays whole, with pages of the range in it
   */
  private boolean removePart(long folio, long firstByte, long lastByte) {
    long index = frames.index(folio);
    int pages = frames.pages(folio);
    long position = index << pageShift;
    long size = (long) pages << pageShift;
    long offset = Math.max(0, firstByte - position);
    long length = lastByte - position >= size ? size - offset : lastByte - position + 1 - offset;
    if (length == size) {
      removeFolio(folio);
      return true;
    }
    file.partlyRemoved(folio);
    if (pages == 1) {
      return true;
    }
    if (trySplit(folio, index, index + (offset >>> pageShift))) {
      long behind = index + (offset + length >>> pageShift);
      if (offset + length < size) {
        long second = cache.get(behind);
        if (frames.order(second) > 0) {
          trySplit(second, frames.index(second), behind);
        }
      }
      return true;
    }
    if (frames.is(folio, PageFlag.DIRTY)) {
      return false;
    }
    removeFolio(folio);
    return true;
  }

  /**
   * Splits a folio so that the page {@code at} is one of its own: halves, and the half that has the
   * page again. Nothing maps the parts afterwards.
   */
  private boolean trySplit(long folio, long index, long at) {
    int order = frames.order(folio);
    boolean pmdSized = order == services.settings().pmdOrder();
    unmap(folio);
    if (!file.canRelease(folio)) {
      count(order, MthpStat.SPLIT_FAILED, pmdSized, VmEvent.THP_SPLIT_PAGE_FAILED);
      return false;
    }
    long part = folio;
    for (int half = order - 1; half >= 0; half--) {
      long partIndex = frames.index(part);
      services.folios().split(part, half, 1 << half);
      cache.splitEntry(partIndex, half + 1, half);
      long other = part + (1L << half);
      cache.replaceEntry(other, partIndex + (1L << half), half);
      part = at < partIndex + (1L << half) ? part : other;
    }
    removeBeyondEnd(folio, index, order);
    count(order, MthpStat.SPLIT, pmdSized, VmEvent.THP_SPLIT_PAGE);
    return true;
  }

  /** A split drops the parts that lie behind what the file keeps, but for the first. */
  private void removeBeyondEnd(long folio, long index, int order) {
    long kept = file.pagesKeptBySplit();
    if (index + (1L << order) <= kept) {
      return;
    }
    long part = folio + frames.pages(folio);
    while (part < folio + (1L << order)) {
      int pages = frames.pages(part);
      if (frames.index(part) >= kept) {
        removeFolio(part);
      }
      part += pages;
    }
  }

  private void count(int order, MthpStat stat, boolean pmdSized, VmEvent event) {
    services.counters().mthp(order, stat, 1);
    if (pmdSized) {
      services.counters().event(event);
    }
  }
}
