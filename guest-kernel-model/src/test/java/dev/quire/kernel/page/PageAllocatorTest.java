package dev.quire.kernel.page;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import dev.quire.kernel.page.MemoryLayout.ZoneKind;
import dev.quire.kernel.stat.KernelCounters;
import dev.quire.kernel.stat.Primitive;
import dev.quire.kernel.stat.VmEvent;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class PageAllocatorTest {
  private static final long MIB = 1 << 20;

  private final KernelCounters counters = new KernelCounters();
  private FrameTable frames;
  private PageAllocator allocator;

  private void boot(MemoryLayout layout) {
    frames = new FrameTable(layout.pages());
    allocator = new PageAllocator(frames, layout, counters);
  }

  private void free(long folio) {
    frames.setRefCount(folio, 0);
    allocator.free(folio);
  }

  private List<Long> takeAll(int order) {
    List<Long> taken = new ArrayList<>();
    for (long folio = allocator.allocate(order);
        folio != FrameTable.NONE;
        folio = allocator.allocate(order)) {
      taken.add(folio);
    }
    return taken;
  }

  /**
   * 16 MiB, 1 MiB of it the kernel's: 3840 pages. vm.min_free_kbytes = sqrt(16 * 15360) = 495, and
   * khugepaged would have 11 page blocks of 512 pages but gets 5 %: 192 pages.
   */
  @Test
  void allocationFailsAtTheMinimumWatermark() {
    boot(MemoryLayout.x86(4096));
    assertThat(allocator.totalPages()).isEqualTo(3840);
    assertThat(takeAll(0)).hasSize(3840 - 192).doesNotHaveDuplicates();
    assertThat(allocator.freePages()).isEqualTo(192);
  }

  @Test
  void shuffledPagesAreNeighboursByChanceAndNoneIsLost() {
    boot(MemoryLayout.x86(16384));
    allocator.shuffle(7);
    List<Long> taken = takeAll(0);
    assertThat(taken).doesNotHaveDuplicates();
    long neighbours = 0;
    for (int i = 1; i < taken.size(); i++) {
      neighbours += taken.get(i) == taken.get(i - 1) + 1 ? 1 : 0;
    }
    assertThat(neighbours).isLessThan(taken.size() / 5);
    taken.forEach(this::free);
    assertThat(takeAll(0)).hasSameSizeAs(taken);
  }

  @Test
  void userMemoryFallsBackFromNormalToDma32ButNotIntoTheReserveOfDma() {
    // 4.5 GiB: NORMAL has 131072 pages, DMA32 1044480, DMA 3840.
    boot(MemoryLayout.x86(4608 * MIB >>> 12));
    long first = allocator.allocate(9);
    assertThat(first).isGreaterThanOrEqualTo(4096 * MIB >>> 12);
    List<Long> taken = takeAll(9);
    assertThat(taken).anyMatch(pfn -> pfn < 4096 * MIB >>> 12);
    // 1175552 pages above the DMA zone keep 4592 of its 3840 pages from them: all.
    assertThat(taken).noneMatch(pfn -> pfn < 16 * MIB >>> 12);
    KernelCounters.Snapshot counted = counters.snapshot();
    assertThat(counted.of(VmEvent.PGALLOC_DMA)).isZero();
    assertThat(counted.of(VmEvent.PGALLOC_DMA32) + counted.of(VmEvent.PGALLOC_NORMAL))
        .isEqualTo(512L * (taken.size() + 1));
  }

  @ParameterizedTest
  @CsvSource({"12,10,9", "14,11,11", "16,13,13"})
  void ordersOfArm64FollowTheGranule(int pageShift, int maxOrder, int pmdOrder) {
    MemoryLayout layout = MemoryLayout.arm64(pageShift, 6144 * MIB >>> pageShift);
    assertThat(layout.maxOrder()).isEqualTo(maxOrder);
    assertThat(layout.pmdOrder()).isEqualTo(pmdOrder);
    assertThat(layout.zones())
        .extracting(MemoryLayout.Zone::kind)
        .containsExactly(ZoneKind.DMA, ZoneKind.NORMAL);
    boot(layout);
    long folio = allocator.allocate(maxOrder);
    assertThat(folio & (1L << maxOrder) - 1).isZero();
    assertThat(frames.order(folio)).isEqualTo(maxOrder);
    free(folio);
    assertThat(allocator.freePages()).isEqualTo(allocator.totalPages());
  }

  @Test
  void freshMemoryRisesAndWhatWasFreedLastComesFirst() {
    boot(MemoryLayout.x86(1 << 18));
    long first = allocator.allocate(0);
    for (int i = 1; i < 5000; i++) {
      assertThat(allocator.allocate(0)).isEqualTo(first + i);
    }
    free(first + 70);
    free(first + 3);
    assertThat(allocator.allocate(0)).isEqualTo(first + 3);
    assertThat(allocator.allocate(0)).isEqualTo(first + 70);
  }

  /** zone_batchsize of a large zone with 4 KiB pages: 63. */
  @Test
  void perCpuListsTakeTheZoneLockOncePerBatch() {
    boot(MemoryLayout.x86(1 << 20));
    for (int i = 0; i < 63; i++) {
      allocator.allocate(0);
    }
    KernelCounters.Snapshot counted = counters.snapshot();
    assertThat(counted.of(Primitive.PCP_ALLOC)).isEqualTo(63);
    assertThat(counted.of(Primitive.BUDDY_ALLOC)).isEqualTo(63);
    assertThat(counted.of(Primitive.ZONE_LOCK)).isEqualTo(1);
    allocator.allocate(0);
    // Without a free in between the batch doubles.
    KernelCounters.Snapshot more = counters.snapshot().minus(counted);
    assertThat(more.of(Primitive.BUDDY_ALLOC)).isEqualTo(126);
    assertThat(more.of(Primitive.ZONE_LOCK)).isEqualTo(1);
  }

  @Test
  void ordersWithoutPerCpuListsGoStraightToTheBuddyLists() {
    boot(MemoryLayout.x86(1 << 20));
    long folio = allocator.allocate(4);
    free(folio);
    KernelCounters.Snapshot counted = counters.snapshot();
    assertThat(counted.of(Primitive.PCP_ALLOC)).isZero();
    assertThat(counted.of(Primitive.BUDDY_ALLOC)).isEqualTo(1);
    assertThat(counted.of(Primitive.BUDDY_SPLIT)).isEqualTo(6);
    assertThat(counted.of(Primitive.BUDDY_FREE)).isEqualTo(1);
    assertThat(counted.of(Primitive.BUDDY_MERGE)).isEqualTo(6);
    assertThat(counted.of(Primitive.ZONE_LOCK)).isEqualTo(2);
  }

  @Test
  void everythingCoalescesAgain() {
    boot(MemoryLayout.x86(1 << 16));
    int whole = takeAndFree(10).size();
    List<Long> small = takeAll(0);
    for (int i = 0; i < small.size(); i += 2) {
      free(small.get(i));
    }
    allocator.drain();
    int neverHeld = (int) allocator.totalPages() - small.size();
    // Where the order of allocation changes from zone to zone a few pairs come free.
    assertThat(takeAndFree(1).size()).as("pairs").isLessThan(neverHeld / 2 + 64);
    for (int i = 1; i < small.size(); i += 2) {
      free(small.get(i));
    }
    allocator.drain();
    assertThat(takeAndFree(10)).hasSize(whole);
    assertThat(allocator.freePages()).isEqualTo(allocator.totalPages());
  }

  private List<Long> takeAndFree(int order) {
    List<Long> taken = takeAll(order);
    taken.forEach(this::free);
    allocator.drain();
    return taken;
  }

  @Test
  void gigabytesAreMadeOfAdjacentBlocks() {
    boot(MemoryLayout.x86(4L << 18));
    long folio = allocator.allocate(18);
    assertThat(folio).isEqualTo(1L << 18);
    assertThat(frames.folioOf(folio + 262143)).isEqualTo(folio);
    assertThat(allocator.allocate(18)).isEqualTo(2L << 18);
    free(folio);
    long page = allocator.allocate(0);
    assertThat(page).as("blocks freed come before those never used").isBetween(1L << 18, 2L << 18);
    assertThat(allocator.allocate(18)).isEqualTo(3L << 18);
    assertThat(allocator.allocate(18)).isEqualTo(FrameTable.NONE);
    free(page);
    allocator.drain();
    assertThat(allocator.allocate(18)).isEqualTo(1L << 18);
  }

  @ParameterizedTest
  @ValueSource(doubles = {0.1, 0.5, 0.9})
  void aShareOfBlocksOfEveryOrderCannotBeHad(double share) {
    int order = 9;
    boot(MemoryLayout.x86(1 << 22).withFragmentation(new Fragmentation(share, 5)));
    int requests = 2000;
    Deque<Long> taken = new ArrayDeque<>();
    int denied = 0;
    int deniedTwice = 0;
    for (int i = 0; i < requests; i++) {
      long folio = allocator.allocate(order);
      if (folio == FrameTable.NONE) {
        denied++;
        folio = allocator.allocate(order - 1);
        if (folio == FrameTable.NONE) {
          deniedTwice++;
          folio = allocator.allocate(0);
          assertThat(folio).isNotEqualTo(FrameTable.NONE);
        }
      }
      taken.add(folio);
    }
    // 4 standard deviations of a binomial share
    double tolerance = 4 * Math.sqrt(share * (1 - share) / requests);
    assertThat((double) denied / requests).isCloseTo(share, within(tolerance));
    assertThat(deniedTwice)
        .as("most of the smaller order is there too, where some was")
        .isPositive();
    taken.forEach(this::free);
    allocator.drain();
    assertThat(allocator.freePages()).isEqualTo(allocator.totalPages());
  }

  @Test
  void aBlockThatWasDeniedStaysDenied() {
    boot(MemoryLayout.x86(1 << 16).withFragmentation(new Fragmentation(0.5, 7)));
    List<Long> first = takeAndFree(4);
    takeAndFree(0);
    List<Long> again = new ArrayList<>();
    for (int i = 0; i < 1 << 15; i++) {
      long folio = allocator.allocate(4);
      if (folio != FrameTable.NONE) {
        again.add(folio);
      }
    }
    assertThat(again).isNotEmpty().allMatch(pfn -> !new Fragmentation(0.5, 7).denies(pfn >> 4, 4));
    assertThat(first).allMatch(pfn -> !new Fragmentation(0.5, 7).denies(pfn >> 4, 4));
  }

  @Test
  void aFolioInUseIsNotTakenBack() {
    boot(MemoryLayout.x86(1 << 16));
    long folio = allocator.allocate(2);
    assertThatThrownBy(() -> allocator.free(folio)).isInstanceOf(IllegalStateException.class);
    frames.setRefCount(folio, 0);
    frames.addEntireMapCount(folio, 1);
    assertThatThrownBy(() -> allocator.free(folio)).hasMessageContaining("mapped");
    frames.addEntireMapCount(folio, -1);
    allocator.free(folio);
    allocator.drain();
    assertThatThrownBy(() -> allocator.free(folio)).hasMessageContaining("bad page state");
  }
}
