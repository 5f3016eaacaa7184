package dev.quire.kernel.rmap;

import static dev.quire.kernel.stat.Primitive.ENTIRE_MAPCOUNT_ATOMIC;
import static dev.quire.kernel.stat.Primitive.FOLIO_LOOKUP;
import static dev.quire.kernel.stat.Primitive.LARGE_MAPCOUNT_ATOMIC;
import static dev.quire.kernel.stat.Primitive.MAPCOUNT_ATOMIC;
import static dev.quire.kernel.stat.Primitive.NR_PAGES_MAPPED_ATOMIC;
import static dev.quire.kernel.stat.Primitive.RMAP_CALL;
import static org.assertj.core.api.Assertions.assertThat;

import dev.quire.kernel.page.DeferredSplitQueue;
import dev.quire.kernel.page.FolioMapping;
import dev.quire.kernel.page.FrameTable;
import dev.quire.kernel.page.PageFlag;
import dev.quire.kernel.stat.KernelCounters;
import dev.quire.kernel.stat.MthpStat;
import dev.quire.kernel.stat.Primitive;
import dev.quire.kernel.stat.VmEvent;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

/** Atomics of single operations, counted by hand from mm/rmap.c of the kernels named. */
class RmapAtomicsTest {
  private static final int PARENT = 1;
  private static final int CHILD = 2;
  private static final long FOLIO = 512;
  private static final FolioMapping ANON_VMA = () -> true;

  private final KernelCounters counters = new KernelCounters();
  private final FrameTable frames = new FrameTable(4096);
  private final DeferredSplitQueue queue = new DeferredSplitQueue(frames, counters, 9);
  private KernelCounters.Snapshot before;

  private ReverseMap rmap(RmapDesign design) {
    return new ReverseMap(frames, counters, queue::add, design, 9);
  }

  private void newFolio(ReverseMap rmap, int order) {
    frames.makeFolio(FOLIO, order);
    rmap.addNewAnon(FOLIO, ANON_VMA, 0, PARENT, true);
    before = counters.snapshot();
  }

  private long counted(Primitive primitive) {
    return counters.snapshot().minus(before).of(primitive);
  }

  @ParameterizedTest
  @EnumSource
  void aNewFolioTakesNoAtomics(RmapDesign design) {
    before = counters.snapshot();
    newFolio(rmap(design), 4);
    frames.makeFolio(1024, 0);
    rmap(design).addNewAnon(1024, ANON_VMA, 0, PARENT, true);
    KernelCounters.Snapshot now = counters.snapshot();
    assertThat(now.of(RMAP_CALL)).isEqualTo(2);
    assertThat(now.of(MAPCOUNT_ATOMIC) + now.of(NR_PAGES_MAPPED_ATOMIC)).isZero();
    assertThat(now.of(LARGE_MAPCOUNT_ATOMIC) + now.of(ENTIRE_MAPCOUNT_ATOMIC)).isZero();
    assertThat(now.of(VmEvent.NR_ANON_PAGES)).isEqualTo(17);
    assertThat(now.of(4, MthpStat.NR_ANON)).isEqualTo(1);
  }

  /** __split_huge_pmd_locked: 512 pages get PTEs, then the PMD's mapping goes. */
  @ParameterizedTest
  @CsvSource({
    "COMPOUND_FLAG, 513, 513, 513, 0",
    "LEVELS, 2, 0, 513, 0",
    "TOTAL_MAPCOUNT, 2, 0, 513, 2",
    "MM_IDS, 2, 0, 2, 2"
  })
  void remappingAPmdMappedFolioByPtes(
      RmapDesign design, int calls, int lookups, int nrPagesMapped, int large) {
    ReverseMap rmap = rmap(design);
    newFolio(rmap, 9);
    rmap.addAnonPtes(FOLIO, FOLIO, 512, PARENT, true);
    rmap.removePmd(FOLIO, PARENT);
    assertThat(counted(RMAP_CALL)).isEqualTo(calls);
    assertThat(counted(FOLIO_LOOKUP)).isEqualTo(lookups);
    assertThat(counted(MAPCOUNT_ATOMIC)).isEqualTo(512);
    assertThat(counted(ENTIRE_MAPCOUNT_ATOMIC)).isEqualTo(1);
    assertThat(counted(NR_PAGES_MAPPED_ATOMIC)).isEqualTo(nrPagesMapped);
    assertThat(counted(LARGE_MAPCOUNT_ATOMIC)).isEqualTo(large);
    assertThat(counters.snapshot().of(VmEvent.NR_ANON_PAGES)).isEqualTo(512);
    assertThat(counters.snapshot().of(VmEvent.NR_ANON_TRANSPARENT_HUGEPAGES)).isZero();
    assertThat(queue.size()).isZero();
    assertThat(frames.is(FOLIO + 511, PageFlag.ANON_EXCLUSIVE)).isTrue();
  }

  /** Fork touches no _nr_pages_mapped: the pages are mapped already. */
  @ParameterizedTest
  @CsvSource({
    "COMPOUND_FLAG, 16, 0",
    "LEVELS, 1, 0",
    "LEVELS_BATCHED, 1, 0",
    "TOTAL_MAPCOUNT, 1, 1",
    "MM_IDS, 1, 1"
  })
  void forkingARun(RmapDesign design, int calls, int large) {
    ReverseMap rmap = rmap(design);
    newFolio(rmap, 4);
    assertThat(rmap.tryDupAnonPtes(FOLIO, FOLIO, 16, CHILD, false)).isTrue();
    assertThat(counted(RMAP_CALL)).isEqualTo(calls);
    assertThat(counted(MAPCOUNT_ATOMIC)).isEqualTo(16);
    assertThat(counted(NR_PAGES_MAPPED_ATOMIC)).isZero();
    assertThat(counted(LARGE_MAPCOUNT_ATOMIC)).isEqualTo(large);
    assertThat(frames.is(FOLIO, PageFlag.ANON_EXCLUSIVE)).isFalse();
    assertThat(rmap.maybeMappedShared(FOLIO)).isTrue();
    rmap.removePtes(FOLIO, FOLIO, 16, CHILD);
    assertThat(rmap.maybeMappedShared(FOLIO)).isFalse();
  }

  /** Unmapping all of a folio: queued before 6.10, not since. */
  @ParameterizedTest
  @CsvSource({
    "COMPOUND_FLAG, 16, 1",
    "LEVELS_BATCHED, 16, 1",
    "TOTAL_MAPCOUNT, 16, 1",
    "MINIMIZED_NR_MAPPED, 1, 0",
    "MM_IDS, 1, 0"
  })
  void unmappingAWholeFolio(RmapDesign design, int nrPagesMapped, int queued) {
    ReverseMap rmap = rmap(design);
    newFolio(rmap, 4);
    rmap.removePtes(FOLIO, FOLIO, 16, PARENT);
    assertThat(counted(NR_PAGES_MAPPED_ATOMIC)).isEqualTo(nrPagesMapped);
    assertThat(queue.size()).isEqualTo(queued);
  }

  /** Linux 6.18: one split_deferred a folio, and none while a child maps every page. */
  @Test
  void onlyAFolioMappedInPartIsQueuedAndOnce() {
    ReverseMap rmap = rmap(RmapDesign.MM_IDS);
    newFolio(rmap, 4);
    rmap.tryDupAnonPtes(FOLIO, FOLIO, 16, CHILD, false);
    rmap.removePtes(FOLIO, FOLIO, 4, PARENT);
    assertThat(queue.size()).isZero();
    rmap.removePtes(FOLIO, FOLIO, 2, CHILD);
    rmap.removePtes(FOLIO, FOLIO + 2, 1, CHILD);
    assertThat(queue.size()).isEqualTo(1);
    KernelCounters.Snapshot now = counters.snapshot();
    assertThat(now.of(4, MthpStat.SPLIT_DEFERRED)).isEqualTo(1);
    assertThat(now.of(4, MthpStat.NR_ANON_PARTIALLY_MAPPED)).isEqualTo(1);
    assertThat(now.of(VmEvent.NR_ANON_PAGES)).isEqualTo(13);
  }

  @Test
  void aRangeOfTheContiguousGatherUpdatesOnceAndQueuesOnlyWhatStaysMapped() {
    ReverseMap rmap = rmap(RmapDesign.COMPOUND_FLAG);
    newFolio(rmap, 4);
    rmap.removeRange(FOLIO, FOLIO, 16, PARENT);
    assertThat(counted(NR_PAGES_MAPPED_ATOMIC)).isEqualTo(1);
    assertThat(counted(RMAP_CALL)).isEqualTo(1);
    assertThat(queue.size()).isZero();
    newFolio(rmap, 4);
    rmap.removeRange(FOLIO, FOLIO, 15, PARENT);
    assertThat(queue.size()).isEqualTo(1);
  }

  @Test
  void pinnedPagesAreNeitherDuplicatedNorShared() {
    ReverseMap rmap = rmap(RmapDesign.MM_IDS);
    newFolio(rmap, 4);
    assertThat(rmap.tryDupAnonPtes(FOLIO, FOLIO, 16, CHILD, true)).isFalse();
    assertThat(rmap.tryShareAnon(FOLIO, true)).isFalse();
    assertThat(frames.is(FOLIO, PageFlag.ANON_EXCLUSIVE)).isTrue();
    assertThat(frames.mapCount(FOLIO)).isEqualTo(1);
    assertThat(rmap.tryShareAnon(FOLIO, false)).isTrue();
    assertThat(rmap.tryDupAnonPtes(FOLIO, FOLIO, 1, CHILD, true)).isTrue();
    assertThat(rmap.tryDupAnonPtes(FOLIO, FOLIO, 2, CHILD, true)).isFalse();
  }

  @Test
  void hugetlbFoliosAreMappedWhole() {
    HugetlbRmap rmap = new HugetlbRmap(frames, counters, RmapDesign.MM_IDS);
    frames.makeFolio(FOLIO, 9);
    frames.set(FOLIO, PageFlag.HUGETLB);
    before = counters.snapshot();
    rmap.addNewAnon(FOLIO, ANON_VMA, 0);
    assertThat(counted(ENTIRE_MAPCOUNT_ATOMIC)).isZero();
    assertThat(rmap.tryDupAnon(FOLIO, true)).isFalse();
    assertThat(rmap.tryDupAnon(FOLIO, false)).isTrue();
    assertThat(frames.is(FOLIO, PageFlag.ANON_EXCLUSIVE)).isFalse();
    assertThat(frames.entireMapCount(FOLIO)).isEqualTo(2);
    assertThat(frames.nrPagesMapped(FOLIO)).isZero();
    rmap.remove(FOLIO);
    rmap.addAnon(FOLIO, false);
    rmap.addFile(FOLIO);
    assertThat(counted(ENTIRE_MAPCOUNT_ATOMIC)).isEqualTo(4);
    assertThat(counted(LARGE_MAPCOUNT_ATOMIC)).isEqualTo(4);
    assertThat(counted(MAPCOUNT_ATOMIC) + counted(NR_PAGES_MAPPED_ATOMIC)).isZero();
    assertThat(frames.folioMapCount(FOLIO)).isEqualTo(3);
    rmap.addAnon(FOLIO, true);
    assertThat(rmap.tryShareAnon(FOLIO, true)).isFalse();
    assertThat(rmap.tryShareAnon(FOLIO, false)).isTrue();
    assertThat(frames.is(FOLIO, PageFlag.ANON_EXCLUSIVE)).isFalse();
  }
}
