package dev.quire.lab.replay;

import dev.quire.kernel.mm.PageReport;
import dev.quire.kernel.mm.PageVisitor;
import dev.quire.kernel.mm.Process;
import dev.quire.kernel.mm.VmaReport;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** What a process has mapped at one moment, in the form of golden files. Immutable when taken. */
final class PageDump implements PageVisitor {
  /** A process with nothing mapped. */
  static final PageDump EMPTY = new PageDump();

  private static final int FIRST_CAPACITY = 64;

  private long[] pages = new long[FIRST_CAPACITY];
  private long[] pfns = new long[FIRST_CAPACITY];
  private int present;
  private final List<Map<String, Object>> segs = new ArrayList<>();
  private List<Map<String, Object>> vmas = List.of();

  private boolean anonymousPmd;

  private PageReport last;
  private long lastPage;
  private long runStart;
  private PageReport runFirst;

  private PageDump() {}

  /** Tells a visitor of the pages of a range. */
  interface PageMap {
    void visit(long address, long bytes, PageVisitor visitor);
  }

  static PageDump of(Process process) {
    return of(process.smaps(), process::pagemap);
  }

  static PageDump of(List<VmaReport> mappings, PageMap pages) {
    PageDump dump = new PageDump();
    for (VmaReport vma : mappings) {
      pages.visit(vma.start(), vma.end() - vma.start(), dump);
    }
    dump.endRun();
    dump.vmas = mappings.stream().map(PageDump::members).toList();
    return dump;
  }

  List<Map<String, Object>> segs() {
    return segs;
  }

  List<Map<String, Object>> vmas() {
    return vmas;
  }

  /** Whether a PMD maps anonymous memory. */
  boolean hasAnonymousPmd() {
    return anonymousPmd;
  }

  @Override
  public void page(long address, PageReport report) {
    long page = PageRange.page(address);
    anonymousPmd |= report.huge() && report.kind() == PageReport.Kind.ANON;
    if (report.present()) {
      keep(page, report.pfn());
    }
    if (runFirst == null || page != lastPage + 1 || !continues(report)) {
      endRun();
      runStart = page;
      runFirst = report;
    }
    last = report;
    lastPage = page;
  }

  private void keep(long page, long pfn) {
    if (present == pages.length) {
      pages = Arrays.copyOf(pages, 2 * present);
      pfns = Arrays.copyOf(pfns, 2 * present);
    }
    pages[present] = page;
    pfns[present++] = pfn;
  }

  /**
   * Whether a page belongs to the run of the page before it; dirty pages part from clean ones even
   * where the run does not tell.
   */
  private boolean continues(PageReport next) {
    if (next.present() != last.present() || next.kind() != last.kind()) {
      return false;
    }
    if (!next.present()) {
      return next.guard() == last.guard()
          && next.swap() == last.swap()
          && next.uffdWriteProtected() == last.uffdWriteProtected();
    }
    boolean sameFolio =
        next.index() == last.index() + 1 && next.pfn() - next.index() == last.pfn() - last.index();
    return next.order() == last.order()
        && (next.order() == 0 || sameFolio)
        && next.exclusive() == last.exclusive()
        && next.mapCount() == last.mapCount()
        && next.dirty() == last.dirty();
  }

  private static boolean tellsDirty(PageReport report) {
    return report.kind() == PageReport.Kind.FILE && report.order() == 0;
  }

  private void endRun() {
    if (runFirst == null) {
      return;
    }
    Map<String, Object> seg = new LinkedHashMap<>();
    seg.put("page", runStart);
    seg.put("n", lastPage - runStart + 1);
    if (runFirst.present()) {
      seg.put("kind", kind(runFirst.kind()));
      seg.put("order", (long) runFirst.order());
      seg.put("off", runFirst.order() == 0 ? 0L : (long) runFirst.index());
      seg.put("excl", bit(runFirst.exclusive()));
      seg.put("mapcount", (long) runFirst.mapCount());
      if (tellsDirty(runFirst)) {
        seg.put("dirty", bit(runFirst.dirty()));
      }
    } else {
      seg.put("present", 0L);
      seg.put("swap", bit(runFirst.swap()));
      seg.put("guard", bit(runFirst.guard()));
      seg.put("uffd_wp", bit(runFirst.uffdWriteProtected()));
    }
    segs.add(seg);
    runFirst = null;
  }

  private static String kind(PageReport.Kind kind) {
    return switch (kind) {
      case ANON -> "anon";
      case FILE -> "file";
      case ZERO -> "zero";
      case HUGE_ZERO -> "hugezero";
      case HUGETLB -> "hugetlb";
      case MARKER -> "marker";
    };
  }

  private static Map<String, Object> members(VmaReport vma) {
    Map<String, Object> members = new LinkedHashMap<>();
    members.put("page", PageRange.page(vma.start()));
    members.put("n", (vma.end() - vma.start()) / PageRange.PAGE_BYTES);
    members.put("perm", vma.permissions());
    members.put("rss_kb", vma.rssKb());
    members.put("anonymous_kb", vma.anonymousKb());
    members.put("anonhuge_kb", vma.anonHugeKb());
    members.put("shmempmd_kb", vma.shmemPmdKb());
    members.put("filepmd_kb", vma.filePmdKb());
    members.put("thpeligible", bit(vma.thpEligible()));
    members.put("vmflags", vma.vmFlags());
    return members;
  }

  private static long bit(boolean set) {
    return set ? 1 : 0;
  }

  /** How the pages changed since an earlier dump of the same process. */
  Change since(PageDump before) {
    int same = 0;
    int changed = 0;
    int appeared = 0;
    int gone = 0;
    int mine = 0;
    int theirs = 0;
    while (mine < present || theirs < before.present) {
      if (theirs == before.present || mine < present && pages[mine] < before.pages[theirs]) {
        appeared++;
        mine++;
      } else if (mine == present || before.pages[theirs] < pages[mine]) {
        gone++;
        theirs++;
      } else {
        if (pfns[mine++] == before.pfns[theirs++]) {
          same++;
        } else {
          changed++;
        }
      }
    }
    return new Change(same, changed, appeared, gone);
  }

  /** Pages by what happened to them. */
  record Change(long same, long changed, long newlyPresent, long gone) {}
}
