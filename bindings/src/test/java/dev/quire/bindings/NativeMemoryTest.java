package dev.quire.bindings;

import static java.lang.foreign.ValueLayout.JAVA_LONG;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.lang.foreign.MemorySegment;
import org.junit.jupiter.api.Test;

class NativeMemoryTest {
  @Test
  void aHugeReservationIsCheapZeroAndUsableAtBothEnds() {
    try (NativeMemory memory = NativeMemory.reserve(64L << 30)) {
      MemorySegment all = memory.segment();
      assertThat(all.byteSize()).isEqualTo(64L << 30);
      assertThat(all.address() & 4095).isZero();
      assertThat(all.get(JAVA_LONG, 0)).isZero();
      all.set(JAVA_LONG, (64L << 30) - 8, 42);
      assertThat(all.get(JAVA_LONG, (64L << 30) - 8)).isEqualTo(42);
    }
  }

  @Test
  void releasedPagesReadAsZeroAndTheirNeighboursStay() {
    try (NativeMemory memory = NativeMemory.reserve(3 * NativeMemory.PAGE_BYTES)) {
      MemorySegment all = memory.segment();
      all.fill((byte) 7);
      memory.adviseDontNeed(NativeMemory.PAGE_BYTES, NativeMemory.PAGE_BYTES);
      assertThat(all.get(JAVA_LONG, NativeMemory.PAGE_BYTES)).isZero();
      assertThat(all.get(JAVA_LONG, NativeMemory.PAGE_BYTES - 8)).isEqualTo(0x0707070707070707L);
      assertThat(all.get(JAVA_LONG, 2 * NativeMemory.PAGE_BYTES)).isEqualTo(0x0707070707070707L);
      memory.adviseDontNeed(8, 8);
      assertThat(all.get(JAVA_LONG, 8)).isZero();
      assertThat(all.get(JAVA_LONG, 16)).isEqualTo(0x0707070707070707L);
    }
  }

  @Test
  void closingTwiceIsHarmlessAndUseAfterCloseIsRefused() {
    NativeMemory memory = NativeMemory.reserve(1);
    MemorySegment segment = memory.segment();
    assertThat(segment.byteSize()).isEqualTo(NativeMemory.PAGE_BYTES);
    memory.close();
    memory.close();
    assertThatThrownBy(() -> segment.get(JAVA_LONG, 0)).isInstanceOf(IllegalStateException.class);
  }

  @Test
  void sizesThatCannotBeAreRefused() {
    assertThatThrownBy(() -> NativeMemory.reserve(0)).isInstanceOf(IllegalArgumentException.class);
    assertThatThrownBy(() -> NativeMemory.reserve(Long.MAX_VALUE))
        .isInstanceOf(IllegalArgumentException.class);
    assertThatThrownBy(() -> NativeMemory.reserve(1L << 60)).isInstanceOf(OutOfMemoryError.class);
    try (NativeMemory memory = NativeMemory.reserve(4096)) {
      assertThatThrownBy(() -> memory.adviseDontNeed(0, 1 << 30))
          .isInstanceOf(IndexOutOfBoundsException.class);
    }
  }
}
