package dev.quire.kernel.mm;

import dev.quire.kernel.page.PageFlag;
import dev.quire.kernel.stat.Primitive;

/**
 * PAGEMAP_SCAN (Linux v6.18 fs/proc/task_mmu.c, do_pagemap_scan): finds pages by category, and
 * write-protects those that were written to, for asynchronous write protection by userfaultfd. Used
 * on the kernel's thread.
 */
final class PagemapScan extends MappingPart {
  private final HugePmd hugePmd;
  private final ChangeProtection protection;

  private PageScan scan;
  private PageScan.Visitor visitor;
  private long mappingCategories;

  /** The run that is being reported. */
  private long runStart;

  private long runEnd;
  private long runCategories;
  private long runs;

  PagemapScan(Kernel kernel, HugePmd hugePmd, ChangeProtection protection) {
    super(kernel);
    this.hugePmd = hugePmd;
    this.protection = protection;
  }

  /** Scans a range: how many runs of pages were reported, or -errno. */
  long scan(MmStruct mm, PageScan request, PageScan.Visitor sink) {
    if (!request.isKnown() || (request.start() & kernel.pageBytes() - 1) != 0) {
      return -Errno.EINVAL;
    }
    long end = request.end() + kernel.pageBytes() - 1 & -kernel.pageBytes();
    if (request.start() < 0 || end > kernel.taskSize() || end < request.start()) {
      return -Errno.EFAULT;
    }
    scan = request;
    visitor = sink;
    runEnd = 0;
    runs = 0;
    long error = 0;
    VmaTree tree = mm.vmas();
    int first = tree.indexAfter(request.start());
    for (int i = first; i < tree.size() && tree.get(i).start() < end && error == 0; i++) {
      Vma vma = tree.get(i);
      long from = Math.max(vma.start(), request.start());
      error = scanMapping(vma, from, Math.min(vma.end(), end));
    }
    closeRun();
    return error != 0 ? error : runs;
  }

  private void report(long start, long end, long categories) {
    long told = categories & scan.returned();
    if (start == runEnd && told == runCategories) {
      runEnd = end;
      return;
    }
    closeRun();
    runStart = start;
    runEnd = end;
    runCategories = told;
  }

  private void closeRun() {
    if (runEnd != 0) {
      visitor.region(runStart, runEnd, runCategories);
      runs++;
      runEnd = 0;
    }
  }

  /** pagemap_scan_test_walk, and the walk. */
  private long scanMapping(Vma vma, long start, long end) {
    boolean protectable =
        vma.usesUffdMarkers() && vma.uffd() != null && vma.uffd().has(UffdFeature.WP_ASYNC);
    if (!protectable && scan.is(PageScan.CHECK_WPASYNC)) {
      return -Errno.EPERM;
    }
    mappingCategories = protectable ? PageScan.WPALLOWED : 0;
    if (!protectable && scan.is(PageScan.WP_MATCHING)
        || vma.is(VmFlags.PFNMAP)
        || !scan.wantsMapping(mappingCategories)) {
      return 0;
    }
    return vma.isHugetlb() ? scanHugetlb(vma, start, end) : scanPages(vma, start, end);
  }

  /** pagemap_scan_hugetlb_entry. */
  private long scanHugetlb(Vma vma, long start, long end) {
    HugetlbSize size = vma.hugetlb().size();
    HugetlbReports reports = kernel.hugetlb().reports;
    long error = 0;
    long at = start;
    while (at < end && error == 0) {
      long next = Math.min(end, size.alignDown(at) + size.bytes());
      if (!reports.hasTable(vma, at)) {
        error = scanHole(vma, at, next);
      } else {
        long categories = mappingCategories | ofHugetlb(vma, reports.entry(vma, at), size);
        boolean protects = scan.is(PageScan.WP_MATCHING) && (categories & PageScan.WRITTEN) != 0;
        // A part of a huge page cannot be protected, and is not told.
        if (scan.wants(categories) && (!protects || next - at == size.bytes())) {
          report(at, next, categories);
          error = protects ? protection.changeUffd(vma, at, next, true) : 0;
        }
      }
      at = next;
    }
    return error;
  }

  /** pagemap_hugetlb_category. */
  private long ofHugetlb(Vma vma, long entry, HugetlbSize size) {
    if (entry == 0) {
      return PageScan.HUGE;
    }
    boolean clean = format.isUffdWriteProtected(entry) || PteNote.isUffdMarker(format, entry);
    long categories = PageScan.HUGE | (clean ? 0 : PageScan.WRITTEN);
    if (!format.isMapped(entry)) {
      return categories | PageScan.SWAPPED;
    }
    boolean anon = frames.is(vma.mm().tables().frame(entry, size.level()), PageFlag.ANON);
    return categories | PageScan.PRESENT | (anon ? 0 : PageScan.FILE);
  }

  private long scanPages(Vma vma, long start, long end) {
    long error = 0;
    long at = start;
    while (at < end && error == 0) {
      long next = Math.min(end, (at & -kernel.pmdBytes()) + kernel.pmdBytes());
      PageTable pmd = vma.mm().tables().pmd(at);
      int index = vma.mm().tables().pmdIndex(at);
      if (pmd == null || pmd.entries[index] == 0) {
        error = scanHole(vma, at, next);
      } else if (!scanHuge(vma, pmd, index, at, next)) {
        scanTable(vma, pmd.below[index], at, next);
      }
      at = next;
    }
    return error;
  }

  private long scanHole(Vma vma, long start, long end) {
    long categories = mappingCategories | (vma.isHugetlb() ? 0 : ofNothing(vma));
    if (!scan.wants(categories)) {
      return 0;
    }
    report(start, end, categories);
    return scan.is(PageScan.WP_MATCHING) ? protection.changeUffd(vma, start, end, true) : 0;
  }

  /** pagemap_scan_thp_entry: false if there are base pages to be looked at instead. */
  private boolean scanHuge(Vma vma, PageTable pmd, int index, long start, long end) {
    if (!vma.mm().tables().isHuge(pmd, index)) {
      return false;
    }
    long entry = pmd.entries[index];
    boolean zero = kernel.isHugeZero(entry);
    long categories = mappingCategories | PageScan.HUGE | PageScan.PRESENT;
    categories |= format.isUffdWriteProtected(entry) ? 0 : PageScan.WRITTEN;
    categories |= zero ? PageScan.PFNZERO : 0;
    if (!zero && !frames.is(vma.mm().tables().frame(entry, 1), PageFlag.ANON)) {
      categories |= PageScan.FILE;
    }
    if (!scan.wants(categories)) {
      return true;
    }
    boolean protects = scan.is(PageScan.WP_MATCHING) && (categories & PageScan.WRITTEN) != 0;
    if (protects && end - start != kernel.pmdBytes()) {
      hugePmd.split(vma, start);
      return pmd.entries[index] == 0;
    }
    report(start, end, categories);
    if (protects) {
      kernel.counters().count(Primitive.PMD_SET);
      pmd.entries[index] = format.uffdWriteProtected(entry);
      kernel.flushHuge(vma.mm(), start);
    }
    return true;
  }

  private void scanTable(Vma vma, PageTable table, long start, long end) {
    kernel.counters().count(Primitive.TABLE_LOCK);
    boolean flush = false;
    for (long at = start; at < end; at += kernel.pageBytes()) {
      int index = vma.mm().tables().pteIndex(at);
      long entry = ptes.get(table, index);
      long categories = mappingCategories | (entry == 0 ? ofNothing(vma) : categories(entry));
      if (entry == 0 && scan.isPlainWritten()) {
        categories |= PageScan.WRITTEN;
      }
      if (scan.wants(categories)) {
        report(at, at + kernel.pageBytes(), categories);
        if (scan.is(PageScan.WP_MATCHING) && (categories & PageScan.WRITTEN) != 0) {
          protect(table, index, entry);
          flush = true;
        }
      }
    }
    if (flush) {
      kernel.flushRange(vma.mm(), start, end);
    }
  }

  /** What is not there was written to if it could be protected and is not (seen on 6.18.44). */
  private static long ofNothing(Vma vma) {
    return vma.is(VmFlags.UFFD_WP) ? PageScan.WRITTEN : 0;
  }

  /** pagemap_page_category. */
  private long categories(long entry) {
    boolean mapped = format.isMapped(entry);
    boolean clean = format.isUffdWriteProtected(entry) || PteNote.isUffdMarker(format, entry);
    long categories = clean ? 0 : PageScan.WRITTEN;
    if (!mapped) {
      boolean guard = PteNote.isGuard(format, entry);
      return categories | PageScan.SWAPPED | (guard ? PageScan.GUARD : 0);
    }
    categories |= PageScan.PRESENT;
    if (format.isSpecial(entry)) {
      return categories | PageScan.PFNZERO;
    }
    boolean anon = frames.is(frames.folioOf(ptes.frame(entry)), PageFlag.ANON);
    return categories | (anon ? 0 : PageScan.FILE);
  }

  /** make_uffd_wp_pte. */
  private void protect(PageTable table, int index, long entry) {
    if (entry == 0) {
      ptes.set(table, index, PteNote.uffdWriteProtected(format), 1);
    } else {
      ptes.replace(table, index, format.uffdWriteProtected(entry));
    }
  }
}
