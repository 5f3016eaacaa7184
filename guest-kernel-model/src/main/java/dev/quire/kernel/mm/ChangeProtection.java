package dev.quire.kernel.mm;

import dev.quire.kernel.page.FrameTable;
import dev.quire.kernel.page.PageFlag;
import dev.quire.kernel.stat.KernelCounters;
import dev.quire.kernel.stat.Primitive;
import dev.quire.mmu.KernelPteFormat;

/**
 * Brings page-table entries to the rights of their VMA (Linux v6.18 mm/mprotect.c,
 * change_protection). Used on the kernel's thread.
 */
final class ChangeProtection {
  private final Kernel kernel;
  private final KernelPteFormat format;
  private final KernelCounters counters;
  private final FrameTable frames;
  private final Ptes ptes;
  private final HugePmd hugePmd;

  ChangeProtection(Kernel kernel, HugePmd hugePmd) {
    this.kernel = kernel;
    this.format = kernel.format();
    this.counters = kernel.counters();
    this.frames = kernel.frames();
    this.ptes = kernel.ptes();
    this.hugePmd = hugePmd;
  }

  /** Changes a range of a VMA, whose flags are the new ones already. */
  void change(Vma vma, long start, long end) {
    if (vma.isHugetlb()) {
      kernel.hugetlb().protect.change(vma, start, end, HugetlbProtect.Uffd.KEEP);
      return;
    }
    MmStruct mm = vma.mm();
    PageTables tables = mm.tables();
    boolean tryWritable = wantsWritable(vma);
    long pmdBytes = kernel.pmdBytes();
    mm.invalidateStart(start, end - start);
    long at = tables.skipEmpty(start, end);
    while (at < end) {
      long next = Math.min(end, (at & -pmdBytes) + pmdBytes);
      PageTable pmd = tables.pmd(at);
      int index = tables.pmdIndex(at);
      if (pmd.entries[index] != 0 && tables.isHuge(pmd, index)) {
        if (next - at == pmdBytes) {
          hugePmd.changeRights(vma, pmd, index, at, tryWritable);
        } else {
          hugePmd.split(vma, at);
        }
      }
      if (pmd.entries[index] != 0 && tables.isTable(pmd, index)) {
        changeTable(vma, pmd.below[index], at, next, tryWritable);
      }
      at = tables.skipEmpty(next, end);
    }
    mm.invalidateEnd(start, end - start);
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
      }
      index += nr;
    }
    if (flush) {
      kernel.flushRange(vma.mm(), start, end);
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

  /** Clears a run and sets it anew; pages that may be writable by parts that are alike. */
  private boolean changeRun(Vma vma, PageTable table, int index, int nr, boolean tryWritable) {
    long old = ptes.clear(table, index, nr);
    long entry = format.withProtection(format.single(old), 0, vma.entryRights());
    if (format.isUffdWriteProtected(old)) {
      entry = format.writeProtected(entry);
    }
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
