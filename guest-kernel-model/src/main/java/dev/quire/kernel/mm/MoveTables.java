package dev.quire.kernel.mm;

import dev.quire.kernel.stat.Primitive;

/**
 * Moves page-table entries from one range of a process to another (Linux v6.18 mm/mremap.c,
 * move_page_tables): whole tables and huge pages where both ends are aligned alike, else entry by
 * entry. Used on the kernel's thread.
 */
final class MoveTables extends MappingPart {
  private final HugePmd hugePmd;

  MoveTables(Kernel kernel, HugePmd hugePmd) {
    super(kernel);
    this.hugePmd = hugePmd;
  }

  /**
   * Moves a range.
   *
   * @return how many bytes were moved: fewer than asked for if memory for tables ran out
   */
  long move(Vma from, Vma to, long oldStart, long newStart, long bytes) {
    if (from.isHugetlb()) {
      return kernel.hugetlb().move.move(from, oldStart, newStart, bytes);
    }
    MmStruct mm = from.mm();
    long mask = kernel.pmdBytes() - 1;
    long back = realign(from, to, oldStart, newStart, bytes) ? oldStart & mask : 0;
    long oldAt = oldStart - back;
    long newAt = newStart - back;
    long end = oldStart + bytes;
    mm.invalidateStart(oldAt, end - oldAt);
    while (oldAt < end) {
      long extent = Math.min(Math.min(toNextPmd(oldAt), toNextPmd(newAt)), end - oldAt);
      if (!moveExtent(from, oldAt, newAt, extent)) {
        break;
      }
      oldAt += extent;
      newAt += extent;
    }
    mm.invalidateEnd(oldStart - back, end - oldStart + back);
    return Math.max(0, oldAt - oldStart);
  }

  private long toNextPmd(long address) {
    return kernel.pmdBytes() - (address & kernel.pmdBytes() - 1);
  }

  /** Whether both ends may be rounded down to a table's start: only holes lie there. */
  private boolean realign(Vma from, Vma to, long oldStart, long newStart, long bytes) {
    long mask = kernel.pmdBytes() - 1;
    long offset = oldStart & mask;
    return offset != 0
        && bytes >= kernel.pmdBytes() - offset
        && offset == (newStart & mask)
        && canAlignDown(from, oldStart)
        && canAlignDown(to, newStart);
  }

  private boolean canAlignDown(Vma vma, long address) {
    long down = address & -kernel.pmdBytes();
    return vma.start() == address && vma.mm().vmas().isFree(down, address);
  }

  /** One step within a table of either end; false if memory is out. */
  private boolean moveExtent(Vma from, long oldAt, long newAt, long extent) {
    MmStruct mm = from.mm();
    PageTables tables = mm.tables();
    PageTable pmd = tables.pmd(oldAt);
    if (pmd == null || pmd.entries[tables.pmdIndex(oldAt)] == 0) {
      return true;
    }
    PageTable newPmd = tables.makePmd(newAt);
    if (newPmd == null) {
      return false;
    }
    int index = tables.pmdIndex(oldAt);
    boolean whole = extent == kernel.pmdBytes();
    boolean unprotect = losesUffd(from);
    boolean free = newPmd.entries[tables.pmdIndex(newAt)] == 0;
    if (tables.isHuge(pmd, index)) {
      if (whole && free) {
        hugePmd.move(mm, oldAt, newAt, unprotect);
        return true;
      }
      hugePmd.split(from, oldAt);
      if (pmd.entries[index] == 0) {
        return true;
      }
    } else if (whole && free && !unprotect) {
      counters.count(Primitive.TABLE_LOCK, 2);
      counters.count(Primitive.PMD_CLEAR);
      counters.count(Primitive.PMD_SET);
      tables.link(newPmd, tables.pmdIndex(newAt), tables.unlink(pmd, index), newAt);
      kernel.flushRange(mm, oldAt, oldAt + extent);
      return true;
    }
    PageTable target = tables.makePte(newAt);
    if (target == null) {
      return false;
    }
    moveEntries(mm, pmd.below[index], target, oldAt, newAt, extent, unprotect);
    return true;
  }

  /** vma_has_uffd_without_event_remap: at the new place it will not be registered. */
  static boolean losesUffd(Vma vma) {
    return vma.uffd() != null && !vma.uffd().has(UffdFeature.EVENT_REMAP);
  }

  private void moveEntries(
      MmStruct mm,
      PageTable from,
      PageTable to,
      long oldAt,
      long newAt,
      long extent,
      boolean unprotect) {
    counters.count(Primitive.TABLE_LOCK, 2);
    PageTables tables = mm.tables();
    int oldIndex = tables.pteIndex(oldAt);
    int newIndex = tables.pteIndex(newAt);
    int nr = (int) (extent >>> kernel.pageShift());
    boolean flush = false;
    int i = 0;
    while (i < nr) {
      long entry = ptes.get(from, oldIndex + i);
      int run = 1;
      if (entry != 0) {
        flush |= format.isMapped(entry);
        run = runOf(from, oldIndex + i, nr - i, entry);
        entry = ptes.clear(from, oldIndex + i, run);
        boolean drop = unprotect && PteNote.isUffdMarker(format, entry);
        if (!drop) {
          ptes.set(to, newIndex + i, unprotect ? format.uffdWritable(entry) : entry, run);
        }
      }
      i += run;
    }
    if (flush) {
      kernel.flushRange(mm, oldAt, oldAt + extent);
    }
  }

  /** mremap_folio_pte_batch: a run is looked for only where a contiguous group begins one. */
  private int runOf(PageTable table, int index, int max, long entry) {
    if (ptes.hint(table, index) == 1 || !format.isMapped(entry) || format.isSpecial(entry)) {
      return 1;
    }
    long folio = kernel.frames().folioOf(ptes.frame(entry));
    return ptes.batch(folio, table, index, max, true, true);
  }
}
