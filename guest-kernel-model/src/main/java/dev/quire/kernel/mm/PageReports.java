package dev.quire.kernel.mm;

import dev.quire.kernel.page.PageFlag;

/**
 * What /proc/PID/pagemap with kpageflags and kpagecount, and mincore(2), say of a range (Linux
 * v6.18 fs/proc/task_mmu.c, fs/proc/page.c, mm/mincore.c). For observation: it allocates a report a
 * page. Used on the kernel's thread.
 */
final class PageReports extends KernelPart {

  PageReports(Kernel kernel) {
    super(kernel);
  }

  void pagemap(MmStruct mm, long address, long bytes, PageVisitor visitor) {
    long end = address + bytes;
    long at = address;
    for (int i = mm.vmas().indexAfter(address); i < mm.vmas().size() && at < end; i++) {
      Vma vma = mm.vmas().get(i);
      if (vma.isHugetlb() && vma.start() < end) {
        pages(mm.tables(), at, Math.max(at, vma.start()), visitor);
        at = Math.max(at, vma.start());
        long stop = Math.min(end, vma.end());
        kernel.hugetlb().reports.pagemap(vma, at, stop, visitor);
        at = stop;
      }
    }
    pages(mm.tables(), at, end, visitor);
  }

  private void pages(PageTables tables, long start, long end, PageVisitor visitor) {
    long at = tables.skipEmpty(start, end);
    while (at < end) {
      long next = Math.min(end, (at & -kernel.pmdBytes()) + kernel.pmdBytes());
      PageTable pmd = tables.pmd(at);
      int index = tables.pmdIndex(at);
      long entry = pmd.entries[index];
      if (entry != 0 && tables.isHuge(pmd, index)) {
        reportHuge(tables, entry, at, next, visitor);
      } else if (entry != 0) {
        reportTable(tables, pmd.below[index], at, next, visitor);
      }
      at = tables.skipEmpty(next, end);
    }
  }

  private void reportHuge(
      PageTables tables, long entry, long start, long end, PageVisitor visitor) {
    long folio = tables.frame(entry, 1);
    for (long at = start; at < end; at += kernel.pageBytes()) {
      long page = folio + ((at & kernel.pmdBytes() - 1) >>> kernel.pageShift());
      if (kernel.isHugeZero(entry)) {
        visitor.page(
            at,
            zero(
                PageReport.Kind.HUGE_ZERO,
                page,
                kernel.thp().pmdOrder(),
                format.isUffdWriteProtected(entry)));
      } else {
        visitor.page(at, mapped(entry, page, true));
      }
    }
  }

  private void reportTable(
      PageTables tables, PageTable table, long start, long end, PageVisitor visitor) {
    for (long at = start; at < end; at += kernel.pageBytes()) {
      long entry = table.entries[tables.pteIndex(at)];
      if (entry == 0) {
        continue;
      }
      if (!format.isMapped(entry)) {
        visitor.page(at, note(entry));
      } else if (format.isSpecial(entry)) {
        visitor.page(
            at,
            zero(
                PageReport.Kind.ZERO,
                tables.frame(entry, 0),
                0,
                format.isUffdWriteProtected(entry)));
      } else {
        visitor.page(at, mapped(entry, tables.frame(entry, 0), false));
      }
    }
  }

  private PageReport zero(PageReport.Kind kind, long page, int order, boolean protectedByUffd) {
    int index = (int) (page & (1L << order) - 1);
    return new PageReport(
        kind, true, page, order, index, false, -1, false, order > 0, false, false, protectedByUffd);
  }

  private PageReport note(long entry) {
    return new PageReport(
        PageReport.Kind.MARKER,
        false,
        -1,
        0,
        0,
        false,
        0,
        false,
        false,
        true,
        PteNote.isGuard(format, entry),
        format.isUffdWriteProtected(entry)
            || PteNote.isMarker(format, entry)
                && (format.noteValue(entry) & PteNote.MARKER_UFFD_WP) != 0);
  }

  private PageReport mapped(long entry, long page, boolean huge) {
    long folio = frames.folioOf(page);
    int order = frames.order(folio);
    int entire = order > 0 ? frames.entireMapCount(folio) : 0;
    int mapCount = frames.mapCount(page) + entire;
    // pagemap_pmd_range_thp asks for the first page of the huge page only.
    boolean exclusive = (huge ? frames.mapCount(folio) + entire : mapCount) == 1;
    return new PageReport(
        frames.is(folio, PageFlag.ANON) ? PageReport.Kind.ANON : PageReport.Kind.FILE,
        true,
        page,
        order,
        (int) (page - folio),
        exclusive,
        mapCount,
        frames.is(folio, PageFlag.DIRTY),
        huge,
        false,
        false,
        format.isUffdWriteProtected(entry));
  }

  /** mincore(2). */
  long mincore(MmStruct mm, long start, long bytes, byte[] vector) {
    long page = kernel.pageBytes();
    if ((start & page - 1) != 0) {
      return -Errno.EINVAL;
    }
    if (Long.compareUnsigned(start, kernel.taskSize()) > 0
        || Long.compareUnsigned(bytes, kernel.taskSize() - start) > 0) {
      return -Errno.ENOMEM;
    }
    long pages = (bytes >>> kernel.pageShift()) + ((bytes & page - 1) != 0 ? 1 : 0);
    if (pages > vector.length) {
      return -Errno.EFAULT;
    }
    long at = start;
    int done = 0;
    while (done < pages) {
      Vma vma = mm.vmas().find(at);
      if (vma == null) {
        return -Errno.ENOMEM;
      }
      long stop = Math.min(start + pages * page, vma.end());
      while (at < stop) {
        vector[done++] = (byte) (isResident(vma, at) ? 1 : 0);
        at += page;
      }
    }
    return 0;
  }

  private boolean isResident(Vma vma, long address) {
    if (vma.isHugetlb()) {
      return format.isMapped(kernel.hugetlb().reports.entry(vma, address));
    }
    PageTables tables = vma.mm().tables();
    PageTable table = tables.pte(address);
    if (table == null) {
      PageTable pmd = tables.pmd(address);
      if (pmd != null && pmd.entries[tables.pmdIndex(address)] != 0) {
        return true;
      }
    } else {
      long entry = table.entries[tables.pteIndex(address)];
      if (entry != 0 && !PteNote.isMarker(format, entry)) {
        return true;
      }
    }
    return vma.file() != null && vma.file().cached(vma.pgoff(address));
  }
}
