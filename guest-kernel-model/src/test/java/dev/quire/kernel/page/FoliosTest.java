package dev.quire.kernel.page;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.quire.kernel.stat.KernelCounters;
import dev.quire.kernel.stat.MthpStat;
import dev.quire.kernel.stat.Primitive;
import dev.quire.kernel.stat.VmEvent;
import org.junit.jupiter.api.Test;

class FoliosTest {
  private static final FolioMapping ANON = () -> true;

  private final MemoryLayout layout = MemoryLayout.x86(1 << 18);
  private final FrameTable frames = new FrameTable(layout.pages());
  private final KernelCounters counters = new KernelCounters();
  private final PageAllocator allocator = new PageAllocator(frames, layout, counters);
  private final DeferredSplitQueue deferred = new DeferredSplitQueue(frames, counters, 9);
  private final Folios folios = new Folios(frames, allocator, deferred, counters);
  private final Lru lru = folios.lru();

  private long anon(int order) {
    long folio = allocator.allocate(order);
    frames.set(folio, PageFlag.ANON | PageFlag.SWAPBACKED | PageFlag.UPTODATE);
    frames.setMapping(folio, ANON, 4096);
    if (order > 0) {
      counters.mthp(order, MthpStat.NR_ANON, 1);
    }
    return folio;
  }

  private long gauge(int order, MthpStat stat) {
    return counters.snapshot().of(order, stat);
  }

  @Test
  void aSmallFolioWaitsInTheBatchWithAReferenceOfTheBatch() {
    long folio = anon(0);
    folios.addToLru(folio);
    assertThat(frames.refCount(folio)).isEqualTo(2);
    assertThat(frames.is(folio, PageFlag.LRU)).isFalse();
    folios.put(folio, 1);
    assertThat(allocator.freePages()).isEqualTo(allocator.totalPages() - 1);
    lru.drain();
    assertThat(allocator.freePages()).isEqualTo(allocator.totalPages());
  }

  @Test
  void theThirtyFirstFolioMovesTheBatchToTheLists() {
    for (int i = 0; i < 30; i++) {
      folios.addToLru(anon(0));
    }
    assertThat(lru.pages(Lru.Kind.INACTIVE_ANON)).isZero();
    folios.addToLru(anon(0));
    assertThat(lru.pages(Lru.Kind.INACTIVE_ANON)).isEqualTo(31);
    assertThat(lru.waiting()).isZero();
    assertThat(counters.snapshot().of(Primitive.LRU_ADD)).isEqualTo(31);
  }

  @Test
  void aLargeFolioGoesToItsListAtOnceAndCountsItsPages() {
    folios.addToLru(anon(0));
    long large = anon(4);
    folios.addToLru(large);
    assertThat(lru.pages(Lru.Kind.INACTIVE_ANON)).isEqualTo(17);
    assertThat(frames.refCount(large)).isEqualTo(1);
    folios.put(large, 1);
    assertThat(lru.pages(Lru.Kind.INACTIVE_ANON)).isEqualTo(1);
    assertThat(gauge(4, MthpStat.NR_ANON)).isZero();
  }

  @Test
  void aFolioSeenTwiceBecomesActive() {
    long folio = allocator.allocate(0);
    folios.addToLru(folio);
    lru.drain();
    assertThat(lru.pages(Lru.Kind.INACTIVE_FILE)).isEqualTo(1);
    lru.markAccessed(folio);
    lru.markAccessed(folio);
    assertThat(lru.pages(Lru.Kind.ACTIVE_FILE)).isEqualTo(1);
    assertThat(counters.snapshot().of(VmEvent.PGACTIVATE)).isEqualTo(1);
    lru.deactivate(folio);
    assertThat(lru.pages(Lru.Kind.INACTIVE_FILE)).isEqualTo(1);
  }

  @Test
  void lazyFreePagesMoveToTheFileList() {
    long folio = anon(2);
    folios.addToLru(folio);
    lru.markLazyFree(folio);
    assertThat(frames.is(folio, PageFlag.SWAPBACKED)).isFalse();
    assertThat(lru.pages(Lru.Kind.INACTIVE_FILE)).isEqualTo(4);
    assertThat(counters.snapshot().of(VmEvent.PGLAZYFREE)).isEqualTo(4);
  }

  @Test
  void aPartlyMappedFolioIsQueuedOnceAndLeavesWhenFreed() {
    long folio = anon(4);
    folios.addToLru(folio);
    deferred.add(folio, true);
    deferred.add(folio, true);
    assertThat(deferred.size()).isEqualTo(1);
    assertThat(gauge(4, MthpStat.SPLIT_DEFERRED)).isEqualTo(1);
    assertThat(gauge(4, MthpStat.NR_ANON_PARTIALLY_MAPPED)).isEqualTo(1);
    folios.put(folio, 1);
    assertThat(deferred.size()).isZero();
    assertThat(gauge(4, MthpStat.NR_ANON_PARTIALLY_MAPPED)).isZero();
    assertThat(gauge(4, MthpStat.SPLIT_DEFERRED)).isEqualTo(1);
    assertThat(allocator.freePages()).isEqualTo(allocator.totalPages());
  }

  @Test
  void aQueuedFolioCanTurnOutPartlyMappedLater() {
    long folio = anon(9);
    deferred.add(folio, false);
    assertThat(gauge(9, MthpStat.SPLIT_DEFERRED)).isZero();
    deferred.add(folio, true);
    assertThat(deferred.size()).isEqualTo(1);
    assertThat(gauge(9, MthpStat.SPLIT_DEFERRED)).isEqualTo(1);
    assertThat(counters.snapshot().of(VmEvent.THP_DEFERRED_SPLIT_PAGE)).isEqualTo(1);
    long pair = anon(1);
    deferred.add(pair, true);
    assertThat(deferred.size()).as("order 1 has no room for the list").isEqualTo(1);
  }

  @Test
  void aSplitHandsFlagsIndexCountsAndListOver() {
    long folio = anon(9);
    folios.addToLru(folio);
    deferred.add(folio, true);
    frames.set(folio, PageFlag.DIRTY);
    frames.set(folio + 5, PageFlag.ANON_EXCLUSIVE);
    frames.addMapCount(folio + 5, 1);
    frames.addMapCount(folio + 20, 2);
    frames.addNrPagesMapped(folio, 2);
    folios.split(folio, 4, 1);
    assertThat(deferred.size()).isZero();
    assertThat(lru.pages(Lru.Kind.INACTIVE_ANON)).isEqualTo(512);
    assertThat(gauge(9, MthpStat.NR_ANON)).isZero();
    assertThat(gauge(4, MthpStat.NR_ANON)).isEqualTo(32);
    for (long head = folio; head < folio + 512; head += 16) {
      assertThat(frames.folioOf(head + 15)).isEqualTo(head);
      assertThat(frames.order(head)).isEqualTo(4);
      assertThat(frames.refCount(head)).isEqualTo(1);
      assertThat(frames.index(head)).isEqualTo(4096 + head - folio);
      assertThat(frames.mapping(head)).isSameAs(ANON);
      assertThat(frames.is(head, PageFlag.DIRTY | PageFlag.LRU | PageFlag.UPTODATE)).isTrue();
    }
    assertThat(frames.is(folio + 5, PageFlag.ANON_EXCLUSIVE)).isTrue();
    assertThat(frames.is(folio, PageFlag.ANON_EXCLUSIVE)).isFalse();
    assertThat(frames.nrPagesMapped(folio)).isEqualTo(1);
    assertThat(frames.nrPagesMapped(folio + 16)).isEqualTo(1);
    assertThat(frames.folioMapCount(folio + 16)).isEqualTo(2);
    frames.addMapCount(folio + 5, -1);
    frames.addNrPagesMapped(folio, -1);
    frames.addMapCount(folio + 20, -2);
    frames.addNrPagesMapped(folio + 16, -1);
    for (long head = folio; head < folio + 512; head += 16) {
      folios.split(head, 0, 1);
      for (int i = 0; i < 16; i++) {
        folios.put(head + i, 1);
      }
    }
    assertThat(gauge(4, MthpStat.NR_ANON)).isZero();
    assertThat(lru.pages(Lru.Kind.INACTIVE_ANON)).isZero();
    allocator.drain();
    assertThat(allocator.freePages()).isEqualTo(allocator.totalPages());
  }

  @Test
  void tooManyReferencesGivenBackAreAnError() {
    long folio = anon(0);
    assertThatThrownBy(() -> folios.put(folio, 2)).hasMessageContaining("1 too many");
  }

  @Test
  void hugetlbPoolKeepsReservesAndLetsSurplusGo() {
    HugetlbPool pool = folios.pool(9);
    assertThat(pool.resize(4)).isEqualTo(4);
    assertThat(pool.reserve(3)).isTrue();
    assertThat(pool.allocate(false)).isNotEqualTo(FrameTable.NONE);
    assertThat(pool.allocate(false)).as("the rest is promised").isEqualTo(FrameTable.NONE);
    long promised = pool.allocate(true);
    assertThat(frames.is(promised, PageFlag.HUGETLB)).isTrue();
    assertThat(pool.reserved()).isEqualTo(2);
    assertThat(pool.reserve(1)).as("no overcommit").isFalse();
    pool.allowSurplus(2);
    assertThat(pool.reserve(1)).isTrue();
    assertThat(pool.surplus()).isEqualTo(1);
    assertThat(pool.total()).isEqualTo(5);
    folios.put(promised, 1);
    assertThat(pool.surplus()).as("a folio that comes back while there is surplus goes").isZero();
    assertThat(pool.total()).isEqualTo(4);
    assertThat(pool.resize(1)).isEqualTo(1);
    assertThat(pool.surplus()).as("in use or promised: they go when they come back").isEqualTo(3);
    pool.unreserve(3);
    assertThat(pool.total()).isEqualTo(1);
    assertThat(allocator.freePages()).isEqualTo(allocator.totalPages() - 512);
  }

  @Test
  void gigabyteFoliosComeFromThePoolToo() {
    MemoryLayout large = MemoryLayout.x86(4L << 18);
    FrameTable table = new FrameTable(large.pages());
    PageAllocator memory = new PageAllocator(table, large, counters);
    Folios all = new Folios(table, memory, new DeferredSplitQueue(table, counters, 9), counters);
    assertThat(all.pool(18).resize(9)).as("as many as memory has").isEqualTo(3);
    assertThat(all.pool(18).resize(0)).isZero();
    assertThat(memory.freePages()).isEqualTo(memory.totalPages());
  }
}
