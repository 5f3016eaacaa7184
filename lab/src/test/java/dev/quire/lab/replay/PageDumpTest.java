package dev.quire.lab.replay;

import static org.assertj.core.api.Assertions.assertThat;

import dev.quire.emulator.json.JsonValues;
import dev.quire.kernel.mm.PageReport;
import dev.quire.kernel.mm.PageReport.Kind;
import dev.quire.kernel.mm.VmaReport;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;

class PageDumpTest {
  private final TreeMap<Long, PageReport> pages = new TreeMap<>();

  private static PageReport page(
      Kind kind, long pfn, int order, int index, int mapCount, boolean dirty) {
    return new PageReport(
        kind,
        true,
        pfn,
        order,
        index,
        mapCount == 1,
        mapCount,
        dirty,
        order == 9,
        false,
        false,
        false);
  }

  private static PageReport anon(long pfn, int order, int index) {
    return page(Kind.ANON, pfn, order, index, 1, false);
  }

  private static PageReport guard() {
    return new PageReport(Kind.MARKER, false, -1, 0, 0, false, 0, false, false, true, true, false);
  }

  private PageDump dump() {
    VmaReport vma =
        new VmaReport(
            PageRange.BASE,
            PageRange.BASE + 64 * 4096,
            "rw-p",
            0,
            12,
            8,
            0,
            0,
            0,
            0,
            0,
            0,
            true,
            "rd wr mr mw me ac");
    return PageDump.of(
        List.of(vma),
        (address, bytes, visitor) ->
            pages.forEach((page, report) -> visitor.page(PageRange.BASE + page * 4096, report)));
  }

  private void segsAre(String... expected) {
    assertThat(dump().segs().stream().map(seg -> JsonValues.text(new TreeMap<>(seg))))
        .containsExactly(expected);
  }

  private static String seg(String text) {
    return JsonValues.text(new TreeMap<>(JsonValues.object(text.replace('\'', '"'))));
  }

  @Test
  void orderZeroRunsJoinFolios() {
    pages.put(3L, anon(100, 0, 0));
    pages.put(4L, anon(7, 0, 0));
    pages.put(6L, anon(8, 0, 0));
    segsAre(
        seg("{'page':3,'n':2,'kind':'anon','order':0,'off':0,'excl':1,'mapcount':1}"),
        seg("{'page':6,'n':1,'kind':'anon','order':0,'off':0,'excl':1,'mapcount':1}"));
  }

  @Test
  void runsOfLargeFoliosEndWithTheFolio() {
    for (int i = 0; i < 4; i++) {
      pages.put((long) i, anon(100 + i, 2, i));
    }
    pages.put(4L, anon(204, 3, 4));
    pages.put(5L, anon(205, 3, 5));
    pages.put(6L, anon(306, 3, 6));
    segsAre(
        seg("{'page':0,'n':4,'kind':'anon','order':2,'off':0,'excl':1,'mapcount':1}"),
        seg("{'page':4,'n':2,'kind':'anon','order':3,'off':4,'excl':1,'mapcount':1}"),
        seg("{'page':6,'n':1,'kind':'anon','order':3,'off':6,'excl':1,'mapcount':1}"));
  }

  @Test
  void sharingAndDirtyPagesPartRuns() {
    pages.put(0L, page(Kind.FILE, 1, 0, 0, 1, true));
    pages.put(1L, page(Kind.FILE, 2, 0, 0, 1, false));
    pages.put(2L, page(Kind.FILE, 3, 0, 0, 2, false));
    pages.put(3L, page(Kind.ANON, 4, 0, 0, 1, false));
    pages.put(4L, page(Kind.ANON, 5, 0, 0, 1, true));
    segsAre(
        seg("{'page':0,'n':1,'kind':'file','order':0,'off':0,'excl':1,'mapcount':1,'dirty':1}"),
        seg("{'page':1,'n':1,'kind':'file','order':0,'off':0,'excl':1,'mapcount':1,'dirty':0}"),
        seg("{'page':2,'n':1,'kind':'file','order':0,'off':0,'excl':0,'mapcount':2,'dirty':0}"),
        seg("{'page':3,'n':1,'kind':'anon','order':0,'off':0,'excl':1,'mapcount':1}"),
        seg("{'page':4,'n':1,'kind':'anon','order':0,'off':0,'excl':1,'mapcount':1}"));
  }

  @Test
  void markersAreNotPresent() {
    pages.put(0L, anon(5, 0, 0));
    pages.put(1L, guard());
    pages.put(2L, guard());
    segsAre(
        seg("{'page':0,'n':1,'kind':'anon','order':0,'off':0,'excl':1,'mapcount':1}"),
        seg("{'page':1,'n':2,'present':0,'swap':1,'guard':1,'uffd_wp':0}"));
    assertThat(dump().since(PageDump.EMPTY)).isEqualTo(new PageDump.Change(0, 0, 1, 0));
  }

  @Test
  void changesSinceAnEarlierDump() {
    pages.put(0L, anon(5, 0, 0));
    pages.put(1L, anon(6, 0, 0));
    pages.put(2L, anon(7, 0, 0));
    PageDump before = dump();
    pages.remove(0L);
    pages.put(1L, anon(9, 0, 0));
    pages.put(5L, anon(10, 0, 0));
    pages.put(6L, anon(11, 0, 0));
    assertThat(dump().since(before)).isEqualTo(new PageDump.Change(1, 1, 2, 1));
    assertThat(PageDump.EMPTY.since(before)).isEqualTo(new PageDump.Change(0, 0, 0, 3));
  }

  @Test
  void mappings() {
    Map<String, Object> vma = dump().vmas().getFirst();
    assertThat(new TreeMap<>(vma))
        .isEqualTo(
            new TreeMap<>(
                JsonValues.object(
                    ("{'page':0,'n':64,'perm':'rw-p','rss_kb':12,'anonymous_kb':8,"
                            + "'anonhuge_kb':0,'shmempmd_kb':0,'filepmd_kb':0,'thpeligible':1,"
                            + "'vmflags':'rd wr mr mw me ac'}")
                        .replace('\'', '"'))));
  }
}
