package dev.quire.kernel.mm;

import dev.quire.kernel.page.PageFlag;
import dev.quire.kernel.stat.Primitive;

/**
 * Brings page-table entries to the rights of their VMA, and write-protects them for userfaultfd
 * (Linux v6.18 mm/mprotect.c, change_protection). Used on the kernel's thread.
 */
final class ChangeProtection extends MappingPart {
  private final HugePmd hugePmd;

  /** What happens to write protection by userfaultfd. */
  enum Uffd {
    KEEP,
    /** MM_CP_UFFD_WP. */
    PROTECT,
    /** MM_CP_UFFD_WP_RESOLVE. */
    RESOLVE
  }

  private Uffd uffd = Uffd.KEEP;

  ChangeProtection(Kernel kernel, HugePmd hugePmd) {
    super(kernel);
    this.hugePmd = hugePmd;
  }

  /** Changes a range of a VMA, whose flags are the new ones already. */
  void change(Vma vma, long start, long end) {
    change(vma, start, end, Uffd.KEEP, wantsWritable(vma));
  }

  /**
   * Write-protects a range for userfaultfd, or ends that (uffd_wp_range).
   *
   * @return 0, or -ENOMEM
   */
  int changeUffd(Vma vma, long start, long end, boolean protect) {
    Uffd mode = protect ? Uffd.PROTECT : Uffd.RESOLVE;
    return change(vma, start, end, mode, !protect && wantsWritable(vma));
  }

  private int change(Vma vma, long start, long end, Uffd mode, boolean tryWritable) {
    if (vma.isHugetlb()) {
      return (int) Math.min(0, kernel.hugetlb().protect.change(vma, start, end, mode));
    }
    uffd = mode;
    MmStruct mm = vma.mm();
    PageTables tables = mm.tables();
    // Where none entries get markers, tables are made for them.
    boolean populates = mode == Uffd.PROTECT && vma.usesUffdMarkers();
    long pmdBytes = kernel.pmdBytes();
    int error = 0;
    mm.invalidateStart(start, end - start);
    long at = populates ? start : tables.skipEmpty(start, end);
    while (at < end && error == 0) {
      long next = Math.min(end, (at & -pmdBytes) + pmdBytes);
      PageTable pmd = populates ? tables.makePmd(at) : tables.pmd(at);
      if (pmd == null) {
        error = -Errno.ENOMEM;
      } else {
        error = changePmd(vma, pmd, at, next, populates, tryWritable);
      }
      at = populates ? next : tables.skipEmpty(next, end);
    }
    mm.invalidateEnd(start, end - start);
    return error;
  }

  private int changePmd(
      Vma vma, PageTable pmd, long start, long end, boolean populates, boolean tryWritable) {
    PageTables tables = vma.mm().tables();
    int index = tables.pmdIndex(start);
    if (pmd.entries[index] != 0 && tables.isHuge(pmd, index)) {
      // pgtable_split_needed: markers for file pages live in PTEs.
      boolean splits = uffd == Uffd.PROTECT && !vma.isAnonymous();
      if (end - start == kernel.pmdBytes() && !splits) {
        hugePmd.changeRights(vma, pmd, index, start, tryWritable, uffd);
        return 0;
      }
      hugePmd.split(vma, start);
    }
    if (pmd.entries[index] == 0 && populates && tables.makePte(start) == null) {
      return -Errno.ENOMEM;
    }
    if (pmd.entries[index] != 0 && tables.isTable(pmd, index)) {
      changeTable(vma, pmd.below[index], start, end, tryWritable);
    }
    return 0;
  }

  /** vma_wants_manual_pte_write_upgrade. */
  private static boolean wantsWritable(Vma vma) {
    if (vma.is(VmFlags.SHARED)) {
      return vma.is(VmFlags.WRITE) && vma.tracksWrites();
    }
    return vma.is(VmFlags.WRITE);
  }

  private void changeTable(Vma vma, PageTable table, long start, long end, boolean tryWritable) {
    counters.count(Primitive.TABLE_LOCK);
    int index = vma.mm().tables().pteIndex(start);
    int limit = index + (int) (end - start >>> kernel.pageShift());
    boolean flush = false;
    while (index < limit) {
      long entry = ptes.get(table, index);
      int nr = 1;
      if (entry != 0 && format.isMapped(entry)) {
        nr = runOf(table, index, limit - index, entry);
        flush |= changeRun(vma, table, index, nr, tryWritable);
      } else if (uffd != Uffd.KEEP) {
        changeNote(vma, table, index, entry);
      }
      index += nr;
    }
    if (flush) {
      kernel.flushRange(vma.mm(), start, end);
    }
  }

  /** What is not there is protected by a marker; markers end with the protection. */
  private void changeNote(Vma vma, PageTable table, int index, long entry) {
    if (entry == 0) {
      if (uffd == Uffd.PROTECT && vma.usesUffdMarkers()) {
        ptes.set(table, index, PteNote.uffdWriteProtected(format), 1);
      }
    } else if (uffd == Uffd.RESOLVE
        && PteNote.isMarker(format, entry)
        && !PteNote.isPoisoned(format, entry)
        && !PteNote.isGuard(format, entry)) {
      ptes.clear(table, index);
    }
  }

  /** mprotect_folio_pte_batch. */
  private int runOf(PageTable table, int index, int max, long entry) {
    if (max == 1 || format.isSpecial(entry)) {
      return 1;
    }
    long folio = frames.folioOf(ptes.frame(entry));
    return ptes.batch(folio, table, index, max, false, true);
  }

  private long applied(long entry, Uffd mode) {
    if (mode == Uffd.RESOLVE) {
      return format.uffdWritable(entry);
    }
    boolean protects = mode == Uffd.PROTECT || format.isUffdWriteProtected(entry);
    return protects ? format.uffdWriteProtected(entry) : entry;
  }

  /** Clears a run and sets it anew; pages that may be writable by parts that are alike. */
  private boolean changeRun(Vma vma, PageTable table, int index, int nr, boolean tryWritable) {
    long old = ptes.clear(table, index, nr);
    long entry = format.withProtection(format.single(old), 0, vma.entryRights());
    entry = applied(entry, uffd);
    boolean asks = tryWritable && !format.isWritable(entry);
    boolean changed = false;
    int done = 0;
    while (done < nr) {
      long first = kernel.advanced(entry, done);
      boolean writable = asks && mayBeWritable(vma, first);
      int run = 1;
      while (done + run < nr
          && (!asks || mayBeWritable(vma, kernel.advanced(entry, done + run)) == writable)) {
        run++;
      }
      first = writable ? format.writable(first) : first;
      changed |= first != kernel.advanced(format.single(old), done);
      ptes.set(table, index + done, first, run);
      done += run;
    }
    return changed;
  }

  /** can_change_pte_writable. */
  private boolean mayBeWritable(Vma vma, long entry) {
    if (!vma.is(VmFlags.WRITE) || format.isUffdWriteProtected(entry)) {
      return false;
    }
    if (vma.is(VmFlags.SHARED)) {
      return format.isDirty(entry);
    }
    if (format.isSpecial(entry)) {
      return false;
    }
    long page = ptes.frame(entry);
    return frames.is(frames.folioOf(page), PageFlag.ANON)
        && frames.is(page, PageFlag.ANON_EXCLUSIVE);
  }
}
