package dev.quire.kernel.mm;

import dev.quire.kernel.page.Lru;
import dev.quire.kernel.page.PageFlag;
import dev.quire.kernel.stat.MthpStat;
import dev.quire.kernel.stat.Primitive;
import dev.quire.kernel.stat.VmEvent;

/**
 * MADV_FREE, MADV_COLD and MADV_PAGEOUT on mapped pages (Linux v6.18 mm/madvise.c,
 * madvise_free_pte_range, madvise_cold_or_pageout_pte_range). A large folio of which the range
 * covers a part is split first. There is no swap and no write-back: paging out frees pages that
 * MADV_FREE made worthless, unmaps those of files, and splits the large folios it cannot swap. Used
 * on the kernel's thread.
 */
final class AdvisedWalk extends MappingPart {
  /** What is done to the pages. */
  enum Kind {
    FREE,
    COLD,
    PAGEOUT
  }

  /** FALLOC_FL_KEEP_SIZE and FALLOC_FL_PUNCH_HOLE. */
  private static final int KEEP_SIZE_PUNCH_HOLE = 3;

  private final Lru lru;
  private final HugePmd hugePmd;
  private final FolioSplit folioSplit;

  AdvisedWalk(Kernel kernel, HugePmd hugePmd, FolioSplit folioSplit) {
    super(kernel);
    this.lru = kernel.folios().lru();
    this.hugePmd = hugePmd;
    this.folioSplit = folioSplit;
  }

  void walk(Vma vma, long start, long end, Kind kind) {
    lru.drain();
    PageTables tables = vma.mm().tables();
    if (kind == Kind.FREE) {
      vma.mm().invalidateStart(start, end - start);
    }
    long at = tables.skipEmpty(start, end);
    while (at < end) {
      long next = Math.min(end, (at & -kernel.pmdBytes()) + kernel.pmdBytes());
      PageTable pmd = tables.pmd(at);
      int index = tables.pmdIndex(at);
      if (pmd.entries[index] != 0 && tables.isHuge(pmd, index)) {
        hugePage(vma, pmd, index, at, next, kind);
      }
      if (pmd.entries[index] != 0 && tables.isTable(pmd, index)) {
        table(vma, pmd.below[index], at, next, kind);
      }
      at = tables.skipEmpty(next, end);
    }
    if (kind == Kind.FREE) {
      vma.mm().invalidateEnd(start, end - start);
    }
  }

  private void hugePage(Vma vma, PageTable pmd, int index, long start, long end, Kind kind) {
    long entry = pmd.entries[index];
    if (kernel.isHugeZero(entry)) {
      return;
    }
    long folio = vma.mm().tables().frame(entry, 1);
    if (rmap.maybeMappedShared(folio)) {
      return;
    }
    if (end - start != kernel.pmdBytes()) {
      if (frames.is(folio, PageFlag.ANON)) {
        split(folio);
      } else {
        hugePmd.split(vma, start);
      }
      return;
    }
    if (kind == Kind.FREE) {
      frames.clear(folio, PageFlag.DIRTY);
      pmd.entries[index] = format.clean(format.old(entry));
      lru.markLazyFree(folio);
    } else if (kind == Kind.COLD) {
      pmd.entries[index] = format.old(entry);
      deactivate(folio);
    } else {
      pageOutHuge(vma, folio, start);
      return;
    }
    kernel.counters().count(Primitive.PMD_SET);
    kernel.flushHuge(vma.mm(), start);
  }

  /** With a reference of its own, as its callers in Linux have. */
  private boolean split(long folio) {
    folios.get(folio, 1);
    boolean done = folioSplit.split(folio) == 0;
    folios.put(folio, 1);
    return done;
  }

  private void table(Vma vma, PageTable table, long start, long end, Kind kind) {
    kernel.counters().count(Primitive.TABLE_LOCK);
    int index = vma.mm().tables().pteIndex(start);
    int limit = index + (int) (end - start >>> kernel.pageShift());
    boolean flush = false;
    while (index < limit) {
      long entry = ptes.get(table, index);
      int nr = 1;
      if (format.isMapped(entry) && !format.isSpecial(entry)) {
        long folio = frames.folioOf(ptes.frame(entry));
        int pages = frames.pages(folio);
        nr = ptes.batch(folio, table, index, limit - index, false, false);
        if (nr == pages) {
          flush |= whole(vma, table, index, nr, folio, kind);
        } else if (!rmap.maybeMappedShared(folio)
            && frames.is(folio, PageFlag.ANON)
            && split(folio)) {
          nr = 0;
        }
      } else if (kind == Kind.FREE && PteNote.isPoisoned(format, entry)) {
        ptes.clear(table, index);
      }
      index += nr;
    }
    if (flush) {
      kernel.flushRange(vma.mm(), start, end);
    }
  }

  /** All pages of a folio are mapped here, one after another. */
  private boolean whole(Vma vma, PageTable table, int index, int nr, long folio, Kind kind) {
    boolean alone = rmap.mapCount(folio) == nr;
    if (kind == Kind.FREE) {
      if (frames.is(folio, PageFlag.DIRTY)) {
        if (!alone) {
          return false;
        }
        frames.clear(folio, PageFlag.DIRTY);
      }
      ptes.age(table, index, nr, true);
      lru.markLazyFree(folio);
      return true;
    }
    if (!frames.is(folio, PageFlag.LRU) || !alone) {
      return false;
    }
    if (kind == Kind.COLD) {
      ptes.age(table, index, nr, false);
      deactivate(folio);
      return true;
    }
    if (isLazy(folio) && !frames.is(folio, PageFlag.UNEVICTABLE)) {
      discardLazy(vma, table, index, nr, folio);
      return true;
    }
    pageOut(vma, folio);
    return false;
  }

  private void deactivate(long folio) {
    frames.clear(folio, PageFlag.REFERENCED);
    lru.deactivate(folio);
  }

  /** Whether MADV_FREE made the folio worthless and nobody said otherwise since. */
  private boolean isLazy(long folio) {
    return frames.is(folio, PageFlag.ANON) && !frames.is(folio, PageFlag.SWAPBACKED);
  }

  private void pageOutHuge(Vma vma, long folio, long start) {
    if (isLazy(folio) && !frames.is(folio, PageFlag.UNEVICTABLE)) {
      // Its PTEs are discarded next (TTU_SPLIT_HUGE_PMD).
      hugePmd.split(vma, start);
    } else {
      pageOut(vma, folio);
    }
  }

  /** shrink_folio_list where there is no swap, of what is not lazily freed. */
  private void pageOut(Vma vma, long folio) {
    frames.clear(folio, PageFlag.REFERENCED);
    if (frames.is(folio, PageFlag.UNEVICTABLE)) {
      return;
    }
    int order = frames.order(folio);
    if (!frames.is(folio, PageFlag.ANON)) {
      if (!vma.ops().isUnevictable()) {
        pageOutFile(vma, folio);
      }
    } else if (order > 0 && split(folio)) {
      kernel.counters().mthp(order, MthpStat.SWPOUT_FALLBACK, 1);
      if (order >= kernel.thp().pmdOrder()) {
        kernel.counters().event(VmEvent.THP_SWPOUT_FALLBACK);
      }
    }
  }

  /** Unmapped everywhere, and out of the cache if it is clean. */
  private void pageOutFile(Vma vma, long folio) {
    int pages = frames.pages(folio);
    long index = frames.index(folio);
    kernel.unmapMappingRange(vma.file().mappings(), index, pages, false);
    if (frames.is(folio, PageFlag.DIRTY)) {
      return;
    }
    long offset = index << kernel.pageShift();
    long bytes = (long) pages << kernel.pageShift();
    if (vma.ops().isShmem()) {
      // POSIX_FADV_DONTNEED leaves shmem alone; a clean page of it is one of a hole.
      vma.file().fallocate(KEEP_SIZE_PUNCH_HOLE, offset, bytes);
    } else {
      vma.file().dropCache(offset, bytes);
    }
  }

  /**
   * try_to_unmap_one of a lazily freed folio: one written to meanwhile is an ordinary one again.
   */
  private void discardLazy(Vma vma, PageTable table, int index, int nr, long folio) {
    if (ptes.anyDirty() || frames.is(folio, PageFlag.DIRTY)) {
      boolean listed = lru.isolate(folio);
      frames.set(folio, PageFlag.SWAPBACKED | PageFlag.DIRTY);
      if (listed) {
        lru.putBack(folio);
      }
      return;
    }
    long address = table.address() + ((long) index << kernel.pageShift());
    long bytes = (long) nr << kernel.pageShift();
    vma.mm().invalidateStart(address, bytes);
    long page = ptes.frame(table.entries[index]);
    ptes.clear(table, index, nr);
    vma.mm().addAnon(-nr);
    rmap.removePtes(folio, page, nr, vma.mm().id());
    vma.mm().invalidateEnd(address, bytes);
    folios.put(folio, nr);
  }
}
