package dev.quire.kernel.filemap;

import static org.assertj.core.api.Assertions.assertThat;

import dev.quire.kernel.page.DeferredSplitQueue;
import dev.quire.kernel.page.Folios;
import dev.quire.kernel.page.FrameTable;
import dev.quire.kernel.page.MemoryLayout;
import dev.quire.kernel.page.PageAllocator;
import dev.quire.kernel.stat.KernelCounters;
import dev.quire.kernel.stat.Primitive;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

/** Filling a page cache one page at a time and in batches. */
class PageCacheTest {
  private static final long MACHINE_PAGES = 1 << 16;

  private final KernelCounters counters = new KernelCounters();
  private final FrameTable frames = new FrameTable(MACHINE_PAGES);
  private final PageAllocator allocator =
      new PageAllocator(frames, MemoryLayout.x86(MACHINE_PAGES), counters);
  private final Folios folios =
      new Folios(frames, allocator, new DeferredSplitQueue(frames, counters, 9), counters);
  private final PageCache cache = new PageCache(folios, counters);
  private final long[] grabbed = new long[PageCache.BATCH];

  private KernelCounters.Snapshot counted(Runnable work) {
    KernelCounters.Snapshot before = counters.snapshot();
    work.run();
    return counters.snapshot().minus(before);
  }

  private void put(int count) {
    for (int i = 0; i < count; i++) {
      folios.put(grabbed[i], 1);
    }
  }

  @Test
  void onePageAtATimeTakesALockAndADescentForEachPage() {
    KernelCounters.Snapshot counted =
        counted(
            () -> {
              for (int i = 0; i < 128; i++) {
                folios.put(cache.grab(i), 1);
              }
            });
    assertThat(counted.of(Primitive.XARRAY_LOCK)).isEqualTo(128);
    assertThat(counted.of(Primitive.XARRAY_DESCENT)).isEqualTo(128);
    assertThat(counted.of(Primitive.XARRAY_QUERY)).isEqualTo(128);
    assertThat(counted.of(Primitive.XARRAY_STORE)).isEqualTo(128);
    assertThat(counted.of(Primitive.MEMCG_CHARGE)).isEqualTo(128);
  }

  @ParameterizedTest
  @CsvSource({"0, 2", "128, 2", "1280, 2", "40, 3", "8127, 3"})
  void aBatchTakesOneLockAndADescentForEachNode(long index, int descents) {
    folios.put(cache.grab(1 << 20), 1);
    KernelCounters.Snapshot counted =
        counted(
            () ->
                assertThat(cache.grabAll(index, 128, grabbed, GrabDesign.BATCHED)).isEqualTo(128));
    assertThat(counted.of(Primitive.XARRAY_LOCK)).isEqualTo(1);
    assertThat(counted.of(Primitive.XARRAY_DESCENT)).isEqualTo(descents);
    assertThat(counted.of(Primitive.XARRAY_QUERY)).isEqualTo(128);
    assertThat(counted.of(Primitive.XARRAY_STORE)).isEqualTo(128);
    assertThat(counted.of(Primitive.MEMCG_CHARGE)).isEqualTo(128);
    put(128);
  }

  @Test
  void theBatchedQueryLooksOnceAndInsertsAsTheOtherBatch() {
    KernelCounters.Snapshot counted =
        counted(() -> cache.grabAll(0, 128, grabbed, GrabDesign.BATCHED_QUERY));
    assertThat(counted.of(Primitive.XARRAY_QUERY)).isEqualTo(1);
    assertThat(counted.of(Primitive.XARRAY_LOCK)).isEqualTo(1);
    assertThat(counted.of(Primitive.XARRAY_STORE)).isEqualTo(128);
  }

  @ParameterizedTest
  @EnumSource(
      value = GrabDesign.class,
      names = {"BATCHED", "BATCHED_QUERY"})
  void presentPagesAreSteppedOver(GrabDesign design) {
    long first = cache.grab(0);
    long middle = cache.grab(70);
    KernelCounters.Snapshot counted =
        counted(() -> assertThat(cache.grabAll(0, 128, grabbed, design)).isEqualTo(128));
    assertThat(grabbed[0]).isEqualTo(first);
    assertThat(grabbed[70]).isEqualTo(middle);
    assertThat(frames.refCount(middle)).isEqualTo(3);
    assertThat(counted.of(Primitive.XARRAY_STORE)).isEqualTo(126);
    assertThat(counted.of(Primitive.MEMCG_CHARGE)).isEqualTo(126);
    assertThat(cache.pages()).isEqualTo(128);
  }

  @Test
  void aConflictEndsTheBatchAndTheRestIsBegunAgain() {
    long[] quicker = {PageCache.NONE};
    cache.setRival(
        () -> {
          if (quicker[0] == PageCache.NONE) {
            quicker[0] = cache.grab(50);
          }
        });
    KernelCounters.Snapshot counted =
        counted(
            () -> assertThat(cache.grabAll(0, 128, grabbed, GrabDesign.BATCHED)).isEqualTo(128));
    assertThat(grabbed[50]).isEqualTo(quicker[0]);
    assertThat(counted.of(Primitive.XARRAY_LOCK)).isEqualTo(3);
    assertThat(counted.of(Primitive.XARRAY_QUERY)).isEqualTo(128 + 1 + 78);
    assertThat(cache.pages()).isEqualTo(128);
    folios.put(quicker[0], 1);
    put(128);
    emptyCacheGivesAllBack();
  }

  @Test
  void aConflictAtTheFirstPageIsAnError() {
    boolean[] done = {false};
    cache.setRival(
        () -> {
          if (!done[0]) {
            done[0] = true;
            folios.put(cache.grab(0), 1);
          }
        });
    assertThat(cache.grabAll(0, 128, grabbed, GrabDesign.BATCHED)).isEqualTo(PageCache.EXISTS);
    assertThat(cache.pages()).isEqualTo(1);
    emptyCacheGivesAllBack();
  }

  @Test
  void withoutMemoryWhatComesBeforeIsReturned() {
    long taken = cache.grab(1 << 20);
    int index = 0;
    int got = 128;
    while (got == 128) {
      got = cache.grabAll(index, 128, grabbed, GrabDesign.BATCHED);
      put(Math.max(got, 0));
      index += Math.max(got, 0);
    }
    assertThat(got).isLessThan(128);
    assertThat(cache.pages()).isEqualTo(index + 1);
    assertThat(cache.grab(index)).isEqualTo(PageCache.NONE);
    folios.put(taken, 1);
    emptyCacheGivesAllBack();
  }

  private void emptyCacheGivesAllBack() {
    folios.lru().drain();
    for (long folio = cache.first(0, Long.MAX_VALUE); folio != PageCache.NONE; ) {
      assertThat(frames.refCount(folio)).isEqualTo(frames.pages(folio));
      cache.remove(folio);
      folio = cache.first(0, Long.MAX_VALUE);
    }
    assertThat(cache.pages()).isZero();
    assertThat(cache.nodes()).isZero();
    assertThat(allocator.freePages()).isEqualTo(allocator.totalPages());
  }

  @ParameterizedTest
  @EnumSource(GrabDesign.class)
  void allDesignsFillACacheWithRandomHolesAlike(GrabDesign design) {
    Random random = new Random(7);
    for (int i = 0; i < 300; i++) {
      folios.put(cache.grab(random.nextInt(2000)), 1);
    }
    long before = cache.pages();
    for (int index = 0; index < 2000; ) {
      int count = Math.min(2000 - index, 1 + random.nextInt(128));
      if (design == GrabDesign.ONE_BY_ONE) {
        for (int i = 0; i < count; i++) {
          grabbed[i] = cache.grab(index + i);
        }
      } else {
        assertThat(cache.grabAll(index, count, grabbed, design)).isEqualTo(count);
      }
      for (int i = 0; i < count; i++) {
        assertThat(cache.get(index + i)).isEqualTo(grabbed[i]);
        assertThat(frames.index(grabbed[i])).isEqualTo(index + i);
        assertThat(frames.mapping(grabbed[i])).isSameAs(cache);
      }
      put(count);
      index += count;
    }
    assertThat(before).isLessThan(2000);
    assertThat(cache.pages()).isEqualTo(2000);
    emptyCacheGivesAllBack();
  }

  @Test
  void theSearchForAMissBegunWithinAFolioRunsAheadByAsMuch() {
    for (int index = 4; index < 20; index += 4) {
      cache.add(allocator.allocate(2), index);
    }
    assertThat(cache.nextMiss(4, 100)).isEqualTo(20);
    // A Linux 6.18 whose fault hit page 5 of the marked folio 4..7 read on from 22.
    assertThat(cache.nextMiss(6, 100)).isEqualTo(22);
    assertThat(cache.nextMiss(3, 100)).isEqualTo(3);
    assertThat(cache.nextMiss(4, 9)).isEqualTo(13);
  }

  @Test
  void theNodesEndBringsItBack() {
    for (int index = 32; index < 80; index += 4) {
      cache.add(allocator.allocate(2), index);
    }
    assertThat(cache.nextMiss(34, 100)).isEqualTo(80);
  }
}
