package dev.quire.kernel.mm;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.quire.kernel.mm.FirstTouchFrames.Layout;
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
}
