package dev.quire.lab.replay;

import dev.quire.kernel.mm.PageReport;
import dev.quire.kernel.mm.PageScan;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.function.Function;

/** Operations that ask /proc/PID/pagemap. */
final class PageMapCalls {
  private PageMapCalls() {}

  static void addTo(Map<String, Function<Words, SessionCall>> calls) {
    calls.put("pages", PageMapCalls::pages);
    calls.put("pmscan", PageMapCalls::scan);
  }

  private static SessionCall pages(Words words) {
    PageRange range = words.range();
    return SessionCall.immediate(
        (actor, handle, answer) -> {
          Runs runs = new Runs();
          long bytes = Math.clamp(range.bytes(), 0, PageRange.MOST_PAGES * PageRange.PAGE_BYTES);
          actor
              .process()
              .pagemap(
                  range.address(),
                  bytes,
                  (address, page) -> {
                    if (page.present() || page.swap()) {
                      runs.add(address, text(page));
                    }
                  });
          answer.put("runs", runs.end());
        });
  }

  private static String text(PageReport page) {
    String kind =
        switch (page.kind()) {
          case ANON -> "anon";
          case FILE -> "file";
          case ZERO, HUGE_ZERO -> "zero";
          case HUGETLB -> "hugetlb";
          case MARKER -> "marker";
        };
    return kind
        + (page.uffdWriteProtected() ? " wp" : "")
        + (page.exclusive() ? " excl" : "")
        + (page.swap() ? " swap" : "");
  }

  /** Joins neighbouring pages of the same text to [page, n, text]. */
  private static final class Runs {
    private final List<Object> runs = new ArrayList<>();
    private long first;
    private long count;
    private String text;

    void add(long address, String of) {
      long page = PageRange.page(address);
      if (count > 0 && page == first + count && of.equals(text)) {
        count++;
        return;
      }
      end();
      first = page;
      count = 1;
      text = of;
    }

    List<Object> end() {
      if (count > 0) {
        runs.add(List.of(first, count, text));
        count = 0;
      }
      return runs;
    }
  }

  private static SessionCall scan(Words words) {
    PageRange range = words.range();
    int flags = (int) words.number("FLAGS", Integer.MAX_VALUE);
    long mask = words.unsigned("MASK");
    return SessionCall.immediate(
        (actor, handle, answer) -> {
          List<Object> regions = new ArrayList<>();
          PageScan request =
              new PageScan(
                  range.address(), range.address() + range.bytes(), flags, 0, mask, 0, mask);
          long result =
              actor
                  .process()
                  .pagemapScan(
                      request,
                      (start, end, categories) ->
                          regions.add(
                              List.of(
                                  PageRange.page(start),
                                  (end - start) / PageRange.PAGE_BYTES,
                                  "0x" + Long.toHexString(categories))));
          answer.result(result);
          answer.put("regions", regions);
        });
  }
}
