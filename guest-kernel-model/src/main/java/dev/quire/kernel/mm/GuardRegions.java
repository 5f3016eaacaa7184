package dev.quire.kernel.mm;

import dev.quire.kernel.stat.Primitive;
import dev.quire.mmu.KernelPteFormat;

/**
 * MADV_GUARD_INSTALL and MADV_GUARD_REMOVE (Linux v6.18 mm/madvise.c): markers in page tables whose
 * touch is a SIGSEGV. Used on the kernel's thread.
 */
final class GuardRegions {
  private final Kernel kernel;
  private final KernelPteFormat format;
  private final ZapRange zap;

  GuardRegions(Kernel kernel, ZapRange zap) {
    this.kernel = kernel;
    this.format = kernel.format();
    this.zap = zap;
  }

  int install(Vma vma, long start, long end) {
    if ((vma.flags() & (VmFlags.SPECIAL | VmFlags.HUGETLB | VmFlags.LOCKED)) != 0) {
      return -Errno.EINVAL;
    }
    vma.setFlags(vma.flags() | VmFlags.MAYBE_GUARD);
    if (vma.isAnonymous()) {
      vma.mm().prepareAnon(vma);
    }
    if (holdsPages(vma, start, end)) {
      zap.zapSingle(vma, start, end, true);
    }
    PageTables tables = vma.mm().tables();
    long guard = PteNote.guard(format);
    for (long at = start; at < end; at += kernel.pageBytes()) {
      PageTable table = tables.makePte(at);
      if (table == null) {
        return -Errno.ENOMEM;
      }
      int index = tables.pteIndex(at);
      if (!PteNote.isGuard(format, table.entries[index])) {
        kernel.ptes().set(table, index, guard, 1);
      }
    }
    return 0;
  }

  /** Whether anything but guard markers stands in the range. */
  private boolean holdsPages(Vma vma, long start, long end) {
    PageTables tables = vma.mm().tables();
    long at = tables.skipEmpty(start, end);
    while (at < end) {
      PageTable pmd = tables.pmd(at);
      int index = tables.pmdIndex(at);
      long next = Math.min(end, (at & -kernel.pmdBytes()) + kernel.pmdBytes());
      if (pmd.entries[index] != 0) {
        if (tables.isHuge(pmd, index) || tableHoldsPages(tables, pmd.below[index], at, next)) {
          return true;
        }
      }
      at = tables.skipEmpty(next, end);
    }
    return false;
  }

  private boolean tableHoldsPages(PageTables tables, PageTable table, long start, long end) {
    int first = tables.pteIndex(start);
    int limit = first + (int) (end - start >>> kernel.pageShift());
    for (int i = first; i < limit; i++) {
      if (table.entries[i] != 0 && !PteNote.isGuard(format, table.entries[i])) {
        return true;
      }
    }
    return false;
  }

  int remove(Vma vma, long start, long end) {
    if ((vma.flags() & (VmFlags.SPECIAL | VmFlags.HUGETLB)) != 0) {
      return -Errno.EINVAL;
    }
    PageTables tables = vma.mm().tables();
    long at = tables.skipEmpty(start, end);
    while (at < end) {
      long next = Math.min(end, (at & -kernel.pmdBytes()) + kernel.pmdBytes());
      PageTable table = tables.pte(at);
      if (table != null) {
        kernel.counters().count(Primitive.TABLE_LOCK);
        int first = tables.pteIndex(at);
        int limit = first + (int) (next - at >>> kernel.pageShift());
        for (int i = first; i < limit; i++) {
          if (PteNote.isGuard(format, table.entries[i])) {
            kernel.ptes().clear(table, i);
          }
        }
      }
      at = tables.skipEmpty(next, end);
    }
    return 0;
  }
}
