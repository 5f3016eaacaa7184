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
    int first = vma.mm().tables().pteIndex(start);
    int limit = first + (int) (end - start >>> kernel.pageShift());
    int rights = vma.entryRights();
    boolean flush = false;
    for (int i = first; i < limit; i++) {
      long old = ptes.get(table, i);
      if (old == 0 || !format.isMapped(old)) {
        continue;
      }
      long entry = format.withProtection(old, 0, rights);
      if (format.isUffdWriteProtected(old)) {
        entry = format.writeProtected(entry);
      }
      if (tryWritable && !format.isWritable(entry) && mayBeWritable(vma, entry)) {
        entry = format.writable(entry);
      }
      ptes.protect(table, i, entry);
      flush |= entry != old;
    }
    if (flush) {
      kernel.flushRange(vma.mm(), start, end);
    }
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
