package dev.quire.kernel.mm;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.quire.kernel.mm.FirstTouchFrames.Layout;
import dev.quire.kernel.page.Fragmentation;
import dev.quire.mmu.Translation;
import java.lang.foreign.Arena;
import org.junit.jupiter.api.Test;

class DemandAddressSpaceTest {
  private static final long HVA = 0x7f00_0000_0000L;
  private static final long MIB = 1 << 20;

  private final HostMemory memory = new HostMemory(Arena.ofAuto().allocate(16 * MIB, 4096));
  private final FirstTouchFrames frames =
      new FirstTouchFrames(memory.arenaPages(), Layout.SEQUENTIAL, 0);

  private DemandAddressSpace space(HostPagePolicy policy) {
    return new DemandAddressSpace(memory, frames, policy);
  }

  @Test
  void aPageComesInOnceAndStays() {
    DemandAddressSpace space = space(HostPagePolicy.BASE);
    space.map(HVA, MIB);
    assertThat(Translation.kind(space.lookup(HVA))).isEqualTo(HostAddressSpace.NOT_MAPPED);
    long first = space.fault(HVA + 0x1000, false);
    assertThat(space.fault(HVA + 0x1fff, true)).isEqualTo(first);
    assertThat(space.lookup(HVA + 0x1000)).isEqualTo(first);
    assertThat(space.residentPages()).isEqualTo(1);
  }

  @Test
  void nothingIsMappedOutsideARegion() {
    DemandAddressSpace space = space(HostPagePolicy.THP);
    space.map(HVA, 4096);
    for (long hva : new long[] {HVA - 1, HVA + 4096, 0, -1, Long.MIN_VALUE, Long.MAX_VALUE}) {
      assertThat(space.fault(hva, true))
          .isEqualTo(Translation.failure(HostAddressSpace.NOT_MAPPED));
    }
  }

  @Test
  void transparentHugePagesFallBackToBasePagesAtTheEdgesAndWhenMemoryIsShort() {
    DemandAddressSpace space = space(HostPagePolicy.THP);
    space.map(HVA + 0x1000, 40 * MIB);
    assertThat(Translation.order(space.fault(HVA + 0x5000, true))).isZero();
    assertThat(Translation.order(space.fault(HVA + 2 * MIB, true))).isEqualTo(9);
    for (int block = 2; block < 8; block++) {
      assertThat(Translation.order(space.fault(HVA + block * 2 * MIB, true))).isEqualTo(9);
    }
    assertThat(Translation.order(space.fault(HVA + 20 * MIB, true))).isZero();
  }

  @Test
  void aBlockWithBasePagesInItGetsNoHugePageLater() {
    DemandAddressSpace space = space(HostPagePolicy.THP);
    space.map(HVA, 20 * MIB);
    long[] blocks = new long[7];
    for (int i = 0; i < 7; i++) {
      blocks[i] = frames.allocate(9);
    }
    frames.allocate(0);
    frames.allocate(3);
    long page = space.fault(HVA, true);
    assertThat(Translation.order(page)).as("no 2 MiB is free").isZero();
    frames.free(blocks[0], 9);
    assertThat(Translation.order(space.fault(HVA + 0x1000, true))).isZero();
    assertThat(space.lookup(HVA)).isEqualTo(page);
    assertThat(Translation.order(space.fault(HVA + 2 * MIB, true))).isEqualTo(9);
  }

  @Test
  void reservedHugePagesDoNotFallBack() {
    DemandAddressSpace space = space(HostPagePolicy.HUGETLB_1G);
    space.map(HVA, 1 << 30);
    assertThat(space.fault(HVA, true))
        .isEqualTo(Translation.failure(HostAddressSpace.OUT_OF_MEMORY));
    assertThat(frames.freePages()).isEqualTo(frames.totalPages());
  }

  @Test
  void discardedPagesReadAsZeroAndTheirFramesAreFree() {
    DemandAddressSpace space = space(HostPagePolicy.BASE);
    space.map(HVA, MIB);
    long old = Translation.pa(space.fault(HVA, true));
    memory.writeLong(old, -1);
    space.discard(HVA, MIB);
    assertThat(space.residentPages()).isZero();
    assertThat(frames.freePages()).isEqualTo(frames.totalPages());
    assertThat(memory.readLong(Translation.pa(space.fault(HVA, false)))).isZero();
  }

  @Test
  void discardingPartOfAHugePageZeroesItAndKeepsItsFrames() {
    DemandAddressSpace space = space(HostPagePolicy.THP);
    space.map(HVA, 4 * MIB);
    long pa = Translation.pa(space.fault(HVA, true));
    memory.writeLong(pa, 1);
    memory.writeLong(pa + 0x3000, 2);
    memory.writeLong(pa + 0x5000, 3);
    space.discard(HVA + 0x1000, 0x3000);
    assertThat(memory.readLong(pa)).isEqualTo(1);
    assertThat(memory.readLong(pa + 0x3000)).isZero();
    assertThat(memory.readLong(pa + 0x5000)).isEqualTo(3);
    assertThat(space.residentPages()).isEqualTo(512);
    space.discard(HVA, 2 * MIB);
    assertThat(space.residentPages()).isZero();
  }

  @Test
  void overlappingOrMisalignedMappingsAreRefused() {
    DemandAddressSpace space = space(HostPagePolicy.BASE);
    space.map(HVA, MIB);
    assertThatThrownBy(() -> space.map(HVA + MIB - 4096, MIB))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("overlaps");
    assertThatThrownBy(() -> space.map(HVA + 1, MIB)).isInstanceOf(IllegalArgumentException.class);
    assertThatThrownBy(() -> space.map(HVA + MIB, 0)).isInstanceOf(IllegalArgumentException.class);
  }

  @Test
  void aFolioBelow2MIsContiguousAlignedAndMappedAsAWhole() {
    DemandAddressSpace space =
        new DemandAddressSpace(
            memory,
            new FirstTouchFrames(memory.arenaPages(), Layout.SHUFFLED, 3),
            HostPagePolicy.parse("mthp-64k"));
    space.map(HVA, MIB);
    for (long folio = 0; folio < MIB; folio += 0x10000) {
      long first = Translation.pfn(space.fault(HVA + folio + 0x5000, true)) - 5;
      assertThat(first & 15).isZero();
      for (int page = 0; page < 16; page++) {
        long entry = space.lookup(HVA + folio + page * 0x1000L);
        assertThat(Translation.pfn(entry)).isEqualTo(first + page);
        assertThat(Translation.order(entry)).isEqualTo(4);
      }
    }
    assertThat(space.residentPages()).isEqualTo(256);
    space.discard(HVA, MIB);
    assertThat(space.residentPages()).isZero();
  }

  @Test
  void basePagesOfAShuffledHostAreHardlyEverContiguous() {
    DemandAddressSpace space =
        new DemandAddressSpace(
            memory,
            new FirstTouchFrames(memory.arenaPages(), Layout.SHUFFLED, 3),
            HostPagePolicy.BASE);
    space.map(HVA, 2 * MIB);
    int contiguous = 0;
    for (int page = 1; page < 512; page++) {
      long before = Translation.pfn(space.fault(HVA + (page - 1) * 0x1000L, true));
      contiguous += Translation.pfn(space.fault(HVA + page * 0x1000L, true)) == before + 1 ? 1 : 0;
    }
    assertThat(contiguous).isLessThan(8);
  }

  @Test
  void fragmentationTakesTheShareOfFoliosAndSmallerOnesStepIn() {
    HostPagePolicy all = HostPagePolicy.parse("mthp-all");
    int[] byOrder = new int[10];
    DemandAddressSpace space = unbacked(all, 0.5, 11);
    space.map(HVA, 1024 * 2 * MIB);
    for (long hva = HVA; hva < HVA + 1024 * 2 * MIB; ) {
      int order = Translation.order(space.fault(hva, true));
      byOrder[order]++;
      hva += 4096L << order;
    }
    assertThat(byOrder[9]).isBetween(450, 574);
    // Half of the other 1024 - n blocks' halves get 1 MiB.
    assertThat(byOrder[8]).isBetween(1024 - byOrder[9] - 80, 1024 - byOrder[9] + 80);
    assertThat(byOrder[1]).isZero();
    assertThat(byOrder[0]).isPositive();
  }

  @Test
  void fragmentationOfOneLeavesBasePagesButNotOfReservedOnes() {
    for (String name : new String[] {"thp", "mthp-64k", "mthp-all"}) {
      DemandAddressSpace space = unbacked(HostPagePolicy.parse(name), 1, 5);
      space.map(HVA, 2 * MIB);
      assertThat(Translation.order(space.fault(HVA, true))).as(name).isZero();
    }
    DemandAddressSpace space = unbacked(HostPagePolicy.HUGETLB_2M, 1, 5);
    space.map(HVA, 2 * MIB);
    assertThat(Translation.order(space.fault(HVA, true))).isEqualTo(9);
  }

  @Test
  void whichFoliosAreMissingDoesNotDependOnTheOrderOfTouches() {
    DemandAddressSpace up = unbacked(HostPagePolicy.parse("mthp-64k"), 0.4, 9);
    DemandAddressSpace down = unbacked(HostPagePolicy.parse("mthp-64k"), 0.4, 9);
    up.map(HVA, 4 * MIB);
    down.map(HVA, 4 * MIB);
    int folios = 0;
    for (long page = 0; page < 1024; page++) {
      up.fault(HVA + page * 4096, true);
      down.fault(HVA + (1023 - page) * 4096, true);
    }
    for (long page = 0; page < 1024; page++) {
      int order = Translation.order(up.lookup(HVA + page * 4096));
      assertThat(Translation.order(down.lookup(HVA + page * 4096))).isEqualTo(order);
      folios += order == 4 ? 1 : 0;
    }
    assertThat(folios / 16).isBetween(25, 52);
  }

  @Test
  void aHostOf16KPagesMapsNothingSmaller() {
    DemandAddressSpace space = unbacked(HostPagePolicy.parse("16k:16k"), 0, 0);
    assertThatThrownBy(() -> space.map(HVA + 0x1000, 0x4000))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("16k pages");
    space.map(HVA, 0x4000);
    assertThat(Translation.order(space.fault(HVA + 0x3000, false))).isEqualTo(2);
    assertThat(Translation.pfn(space.fault(HVA + 0x3000, false)) & 3).isEqualTo(3);
  }

  @Test
  void partOfASmallFolioIsWipedAndItsFramesStay() {
    DemandAddressSpace space = space(HostPagePolicy.parse("mthp-16k"));
    space.map(HVA, MIB);
    long pa = Translation.pa(space.fault(HVA, true));
    memory.writeLong(pa + 0x1000, 7);
    memory.writeLong(pa + 0x2000, 8);
    space.discard(HVA + 0x1000, 0x1000);
    assertThat(memory.readLong(pa + 0x1000)).isZero();
    assertThat(memory.readLong(pa + 0x2000)).isEqualTo(8);
    assertThat(space.residentPages()).isEqualTo(4);
  }

  private static DemandAddressSpace unbacked(HostPagePolicy policy, double share, long seed) {
    return new DemandAddressSpace(
        FrameStorage.none(),
        new FirstTouchFrames(1 << 20, Layout.SHUFFLED, seed),
        policy,
        new Fragmentation(share, seed));
  }
}
