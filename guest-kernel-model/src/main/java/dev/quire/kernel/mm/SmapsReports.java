package dev.quire.kernel.mm;

import dev.quire.kernel.page.PageFlag;
import java.util.ArrayList;
import java.util.List;

/** What /proc/PID/smaps says (Linux v6.18 fs/proc/task_mmu.c). Used on the kernel's thread. */
final class SmapsReports extends KernelPart {
  /** Flags and their names, in the order in which the kernel prints them: by bit. */
  private static final Object[][] NAMES = {
    {VmFlags.READ, "rd"},
    {VmFlags.WRITE, "wr"},
    {VmFlags.EXEC, "ex"},
    {VmFlags.SHARED, "sh"},
    {VmFlags.MAYREAD, "mr"},
    {VmFlags.MAYWRITE, "mw"},
    {VmFlags.MAYEXEC, "me"},
    {VmFlags.MAYSHARE, "ms"},
    {VmFlags.GROWSDOWN, "gd"},
    {VmFlags.UFFD_MISSING, "um"},
    {VmFlags.PFNMAP, "pf"},
    {VmFlags.MAYBE_GUARD, "gu"},
    {VmFlags.UFFD_WP, "uw"},
    {VmFlags.LOCKED, "lo"},
    {VmFlags.IO, "io"},
    {VmFlags.SEQ_READ, "sr"},
    {VmFlags.RAND_READ, "rr"},
    {VmFlags.DONTCOPY, "dc"},
    {VmFlags.DONTEXPAND, "de"},
    {VmFlags.LOCKONFAULT, "lf"},
    {VmFlags.ACCOUNT, "ac"},
    {VmFlags.NORESERVE, "nr"},
    {VmFlags.HUGETLB, "ht"},
    {VmFlags.SYNC, "sf"},
    {VmFlags.WIPEONFORK, "wf"},
    {VmFlags.DONTDUMP, "dd"},
    {VmFlags.SOFTDIRTY, "sd"},
    {VmFlags.MIXEDMAP, "mm"},
    {VmFlags.HUGEPAGE, "hg"},
    {VmFlags.NOHUGEPAGE, "nh"},
    {VmFlags.MERGEABLE, "mg"},
    {VmFlags.UFFD_MINOR, "ui"},
  };

  SmapsReports(Kernel kernel) {
    super(kernel);
  }

  /** Sums of one mapping, in base pages. */
  private static final class Sums {
    long rss;
    long anonymous;
    long anonHuge;
    long shmemPmd;
    long filePmd;
    long sharedHugetlb;
    long privateHugetlb;
  }

  List<VmaReport> report(MmStruct mm) {
    List<VmaReport> reports = new ArrayList<>();
    for (int i = 0; i < mm.vmas().size(); i++) {
      reports.add(report(mm.vmas().get(i)));
    }
    return reports;
  }

  private VmaReport report(Vma vma) {
    Sums sums = new Sums();
    if (vma.isHugetlb()) {
      addHugetlb(sums, vma);
    } else {
      addPages(sums, vma);
    }
    long kib = kernel.pageBytes() >>> 10;
    return new VmaReport(
        vma.start(),
        vma.end(),
        permissions(vma),
        vma.file() == null ? 0 : vma.pgoff() << kernel.pageShift(),
        sums.rss * kib,
        sums.anonymous * kib,
        sums.anonHuge * kib,
        sums.shmemPmd * kib,
        sums.filePmd * kib,
        sums.sharedHugetlb * kib,
        sums.privateHugetlb * kib,
        vma.is(VmFlags.LOCKED) ? sums.rss * kib : 0,
        kernel.thp().eligible(vma),
        flagNames(vma.flags()));
  }

  /** smaps_hugetlb_range: hugetlb pages are no part of Rss. */
  private void addHugetlb(Sums sums, Vma vma) {
    HugetlbSize size = vma.hugetlb().size();
    for (long at = vma.start(); at < vma.end(); at += size.bytes()) {
      long entry = kernel.hugetlb().reports.entry(vma, at);
      if (format.isMapped(entry)) {
        if (frames.entireMapCount(vma.mm().tables().frame(entry, size.level())) > 1) {
          sums.sharedHugetlb += size.pages();
        } else {
          sums.privateHugetlb += size.pages();
        }
      }
    }
  }

  private void addPages(Sums sums, Vma vma) {
    PageTables tables = vma.mm().tables();
    long end = vma.end();
    long at = tables.skipEmpty(vma.start(), end);
    while (at < end) {
      long next = Math.min(end, (at & -kernel.pmdBytes()) + kernel.pmdBytes());
      PageTable pmd = tables.pmd(at);
      int index = tables.pmdIndex(at);
      long entry = pmd.entries[index];
      if (entry != 0 && tables.isHuge(pmd, index)) {
        addHuge(sums, tables, entry);
      } else if (entry != 0) {
        addTable(sums, tables, pmd.below[index], at, next);
      }
      at = tables.skipEmpty(next, end);
    }
  }

  private void addHuge(Sums sums, PageTables tables, long entry) {
    if (kernel.isHugeZero(entry)) {
      return;
    }
    long pages = 1L << kernel.thp().pmdOrder();
    long folio = tables.frame(entry, 1);
    sums.rss += pages;
    if (frames.is(folio, PageFlag.ANON)) {
      sums.anonymous += pages;
      sums.anonHuge += pages;
    } else if (frames.is(folio, PageFlag.SWAPBACKED)) {
      sums.shmemPmd += pages;
    } else {
      sums.filePmd += pages;
    }
  }

  private void addTable(Sums sums, PageTables tables, PageTable table, long start, long end) {
    int first = tables.pteIndex(start);
    int limit = first + (int) (end - start >>> kernel.pageShift());
    for (int i = first; i < limit; i++) {
      long entry = table.entries[i];
      if (format.isMapped(entry) && !format.isSpecial(entry)) {
        sums.rss++;
        if (frames.is(frames.folioOf(tables.frame(entry, 0)), PageFlag.ANON)) {
          sums.anonymous++;
        }
      }
    }
  }

  private static String permissions(Vma vma) {
    return (vma.is(VmFlags.READ) ? "r" : "-")
        + (vma.is(VmFlags.WRITE) ? "w" : "-")
        + (vma.is(VmFlags.EXEC) ? "x" : "-")
        + (vma.is(VmFlags.MAYSHARE) ? "s" : "p");
  }

  private static String flagNames(long flags) {
    StringBuilder names = new StringBuilder();
    for (Object[] name : NAMES) {
      if ((flags & (Long) name[0]) != 0) {
        names.append(names.isEmpty() ? "" : " ").append(name[1]);
      }
    }
    return names.toString();
  }
}
