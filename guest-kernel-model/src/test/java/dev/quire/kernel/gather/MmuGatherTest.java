package dev.quire.kernel.gather;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.quire.kernel.page.FolioMapping;
import dev.quire.kernel.page.FrameTable;
import dev.quire.kernel.page.PageFlag;
import dev.quire.kernel.rmap.ReverseMap;
import dev.quire.kernel.rmap.RmapDesign;
import dev.quire.kernel.stat.KernelCounters;
import dev.quire.kernel.stat.Primitive;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

class MmuGatherTest {
  private static final int MM = 7;
  private static final long BASE = 0x7f00_0000_0000L;
  private static final FolioMapping ANON_VMA = () -> true;

  private final KernelCounters counters = new KernelCounters();
  private final FrameTable frames = new FrameTable(1 << 20);
  private final List<Long> queued = new ArrayList<>();
  private final List<String> flushes = new ArrayList<>();
  private final List<String> puts = new ArrayList<>();
  private final List<Long> tables = new ArrayList<>();
  private ReverseMap rmap;

  /** Pages whose translations a processor may still hold: every flush must come before its put. */
  private final boolean[] cached = new boolean[1 << 20];

  private MmuGather gather(GatherDesign design, int pageBytes) {
    rmap =
        new ReverseMap(
            frames, counters, (folio, part) -> queued.add(folio), RmapDesign.LEVELS_BATCHED, 9);
    FreedPages freed =
        new FreedPages() {
          @Override
          public void put(long folio, int references) {
            for (long page = folio; page < folio + frames.pages(folio); page++) {
              assertThat(cached[(int) page] && frames.refCount(folio) == references)
                  .as("page %d freed before its translation was flushed", page)
                  .isFalse();
            }
            puts.add(folio + "-" + references);
            assertThat(frames.addRefs(folio, -references)).isNotNegative();
          }

          @Override
          public void freeTable(long table) {
            assertThat(flushes).isNotEmpty();
            tables.add(table);
          }
        };
    TlbFlush tlb =
        new TlbFlush() {
          @Override
          public void range(int mm, long start, long end, int level, boolean tablesFreed) {
            flushes.add(
                "%x+%x level %d %b".formatted(start - BASE, end - start, level, tablesFreed));
            for (long page = start - BASE >> 12; page < end - BASE >> 12; page++) {
              cached[(int) page] = false;
            }
          }

          @Override
          public void all(int mm, boolean tablesFreed) {
            flushes.add("all " + tablesFreed);
            Arrays.fill(cached, false);
          }
        };
    return new MmuGather(design, pageBytes, frames, rmap, freed, tlb, counters);
  }

  /** Maps a folio at the address of its pfn, as an anonymous one whose pages PTEs map. */
  private void mapped(long folio, int order) {
    frames.makeFolio(folio, order);
    frames.setRefCount(folio, 1 << order);
    frames.setMapping(folio, ANON_VMA, folio);
    frames.set(folio, PageFlag.ANON);
    rmap.addAnonPtes(folio, folio, 1 << order, MM, true);
    for (long page = folio; page < folio + (1 << order); page++) {
      cached[(int) page] = true;
    }
  }

  private boolean zap(MmuGather gather, long page, int nr) {
    gather.cleared(BASE + (page << 12), (long) nr << 12, 0);
    boolean delayed = gather.delaysRmap(false);
    if (!delayed) {
      rmap.removePtes(frames.folioOf(page), page, nr, MM);
    }
    return gather.add(page, nr, delayed);
  }

  /** What Linux's zap_pte_range does when the gather is full. */
  private static void flushNow(MmuGather gather) {
    gather.flushTlb();
    gather.flushRmaps();
    gather.flush();
  }

  @ParameterizedTest
  @EnumSource
  void randomFoliosAreFreedOnceAndOnlyAfterTheirFlush(GatherDesign design) {
    MmuGather gather = gather(design, 4096);
    Random random = new Random(20260104);
    for (int round = 0; round < 20; round++) {
      gather.start(MM, random.nextInt(4) == 0);
      puts.clear();
      flushes.clear();
      long page = 0;
      while (page < 12_000) {
        int order = random.nextInt(5) * random.nextInt(3);
        page = page + (1 << order) - 1 & -(1L << order);
        mapped(page, order);
        zapFolio(gather, page, 1 << order);
        page += 1 << order;
        if (random.nextInt(512) == 0) {
          gather.flushTlb();
          gather.flushRmaps();
        }
      }
      gather.flushTlb();
      gather.flushRmaps();
      gather.finish();
      assertThat(flushes).isNotEmpty();
      for (long i = 0; i < page; i++) {
        assertThat(cached[(int) i]).isFalse();
        assertThat(frames.mapCount(i)).isZero();
        assertThat(frames.refCount(frames.folioOf(i))).isZero();
      }
    }
  }

  private void zapFolio(MmuGather gather, long folio, int pages) {
    int step = gather.design().batchesZap() ? pages : 1;
    for (long page = folio; page < folio + pages; page += step) {
      if (zap(gather, page, step)) {
        flushNow(gather);
      }
    }
  }

  /** The numbers of entries are (4096 - 16) / 8 = 510 or / 16 = 255 a page, and 10000 over that. */
  @ParameterizedTest
  @CsvSource({
    "PAGES, 4096, 9698", // 8 + 19 x 510
    "RANGES, 4096, 9953", // 8 + 39 x 255
    "RUNS, 4096, 9678", // 7 + 19 x 509: room for two slots is always kept
    "PAGES, 16384, 8192", // 8 + 4 x 2046
    "RUNS, 65536, 8196" // 7 + 1 x 8189
  })
  void scatteredPagesForceAFlush(GatherDesign design, int pageBytes, int expected) {
    MmuGather gather = gather(design, pageBytes);
    gather.start(MM, false);
    int added = 0;
    boolean full = false;
    while (!full) {
      long page = 2L * added++;
      mapped(page, 0);
      full = zap(gather, page, 1);
    }
    assertThat(added).isEqualTo(expected);
    flushNow(gather);
    gather.finish();
    KernelCounters.Snapshot counted = counters.snapshot();
    assertThat(counted.of(Primitive.GATHER_ENTRY)).isEqualTo(expected);
    assertThat(counted.of(Primitive.SWAPCACHE_CHECK)).isEqualTo(expected);
    assertThat(counted.of(Primitive.GATHER_FLUSH)).isEqualTo(2);
    assertThat(flushes).hasSize(1);
  }

  @Test
  void foliosOf512PagesTakeTwoSlotsAsRuns() {
    MmuGather gather = gather(GatherDesign.RUNS, 4096);
    gather.start(MM, false);
    int added = 0;
    boolean full = false;
    frames.makeFolio(0, 9);
    frames.setRefCount(0, 1 << 29);
    while (!full) {
      gather.cleared(BASE, 512 << 12, 0);
      full = gather.add(0, 512, false);
      added++;
    }
    assertThat(added).isEqualTo(4 + 19 * 255);
    assertThat(counters.snapshot().of(Primitive.GATHER_BATCH)).isEqualTo(19);
    gather.flush();
    assertThat(counters.snapshot().of(Primitive.GATHER_CHUNK)).isEqualTo(20);
    assertThat(puts).hasSize(added);
  }

  @ParameterizedTest
  @CsvSource({"PAGES, 518", "RUNS, 516"})
  void delayedRmapsTakeOneBatchMoreAtMost(GatherDesign design, int expected) {
    MmuGather gather = gather(design, 4096);
    gather.start(MM, false);
    int added = 0;
    boolean full = false;
    while (!full) {
      long page = 2L * added++;
      mapped(page, 0);
      gather.cleared(BASE + (page << 12), 4096, 0);
      full = gather.add(page, 1, true);
    }
    assertThat(added).isEqualTo(expected);
    assertThat(frames.mapCount(0)).isEqualTo(1);
    assertThatThrownBy(gather::flush).isInstanceOf(IllegalStateException.class);
    assertThatThrownBy(gather::flushRmaps).isInstanceOf(IllegalStateException.class);
    flushNow(gather);
    assertThat(frames.mapCount(0)).isZero();
  }

  /** 1024 pages in two folios: entries, and what a flush does once an entry. */
  @ParameterizedTest
  @CsvSource({"PAGES, 1024, 1024, 2", "RANGES, 2, 2, 0", "RUNS, 2, 2, 2"})
  void largeFoliosShareAnEntry(GatherDesign design, int entries, int calls, int queues) {
    MmuGather gather = gather(design, 4096);
    mapped(512, 9);
    mapped(1024, 9);
    KernelCounters.Snapshot before = counters.snapshot();
    gather.start(MM, false);
    for (long folio = 512; folio <= 1024; folio += 512) {
      zapFolio(gather, folio, 512);
      if (design == GatherDesign.RANGES) {
        gather.flushRmaps();
      }
    }
    gather.finish();
    KernelCounters.Snapshot counted = counters.snapshot().minus(before);
    assertThat(counted.of(Primitive.GATHER_ENTRY)).isEqualTo(entries);
    assertThat(counted.of(Primitive.SWAPCACHE_CHECK)).isEqualTo(entries);
    assertThat(counted.of(Primitive.RMAP_CALL)).isEqualTo(calls);
    assertThat(counted.of(Primitive.MAPCOUNT_ATOMIC)).isEqualTo(1024);
    assertThat(counted.of(Primitive.NR_PAGES_MAPPED_ATOMIC))
        .isEqualTo(design == GatherDesign.RANGES ? 2 : 1024);
    assertThat(puts).hasSize(entries);
    assertThat(queued.stream().distinct()).hasSize(queues);
    assertThat(flushes).containsExactly("200000+400000 level 0 false");
  }

  @Test
  void aRangeEndsWithItsFolioWithItsBatchAndWithAFlushOfRmaps() {
    MmuGather gather = gather(GatherDesign.RANGES, 4096);
    gather.start(MM, false);
    for (long page = 16; page < 23; page++) {
      mapped(page, 0);
      zap(gather, page, 1);
    }
    assertThat(counters.snapshot().of(Primitive.GATHER_ENTRY)).isEqualTo(7);
    mapped(32, 3);
    for (long page = 32; page < 40; page++) {
      zap(gather, page, 1);
      if (page == 35) {
        gather.flushRmaps();
      }
    }
    gather.flushRmaps();
    gather.finish();
    assertThat(puts)
        .containsExactly(
            "16-1", "17-1", "18-1", "19-1", "20-1", "21-1", "22-1", "32-1", "32-3", "32-4");
  }

  @Test
  void tablesAreFreedAfterAFlushThatSaysSo() {
    MmuGather gather = gather(GatherDesign.RUNS, 4096);
    gather.start(MM, false);
    mapped(5, 0);
    zap(gather, 5, 1);
    for (int i = 0; i < 509; i++) {
      assertThat(tables).isEmpty();
      gather.addTable(1000 + i, BASE, 2 << 20, 0);
    }
    assertThat(tables).hasSize(509);
    assertThat(flushes).containsExactly("0+200000 level 0 true");
    gather.addTable(2000, BASE + (2 << 20), 2 << 20, 0);
    gather.finish();
    assertThat(flushes).last().isEqualTo("200000+200000 level 1 true");
    assertThat(tables).hasSize(510);
  }

  @Test
  void aProcessThatGoesFlushesItselfWhole() {
    MmuGather gather = gather(GatherDesign.RUNS, 4096);
    gather.start(MM, true);
    mapped(5, 0);
    zap(gather, 5, 1);
    gather.finish();
    assertThat(flushes).containsExactly("all false");
    gather.start(MM, true);
    gather.finish();
    assertThat(flushes).hasSize(1);
  }

  @Test
  void misuseIsRefused() {
    MmuGather gather = gather(GatherDesign.PAGES, 4096);
    gather.start(MM, false);
    assertThatThrownBy(() -> gather.add(5, 1, false)).hasMessageContaining("without a range");
    gather.cleared(BASE, 8192, 0);
    assertThatThrownBy(() -> gather.add(5, 2, false)).hasMessageContaining("one page at a time");
    frames.makeFolio(5, 0);
    gather.add(5, 1, false);
    assertThatThrownBy(() -> gather.start(MM, false)).hasMessageContaining("not finished");
  }
}
