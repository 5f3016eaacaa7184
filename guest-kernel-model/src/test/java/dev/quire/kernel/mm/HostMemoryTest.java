package dev.quire.kernel.mm;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import org.junit.jupiter.api.Test;

class HostMemoryTest {
  private static final long PAGES = 64;
  private final MemorySegment arena = Arena.ofAuto().allocate(PAGES << 12, 4096);
  private final HostMemory memory = new HostMemory(arena);

  @Test
  void aFrameIsStoredAtItsPlaceInTheArena() {
    assertThat(memory.storageOf(5)).isEqualTo(arena.address() + 5 * 4096);
    assertThatThrownBy(() -> memory.storageOf(PAGES)).isInstanceOf(IndexOutOfBoundsException.class);
    assertThatThrownBy(() -> memory.storageOf(-1)).isInstanceOf(IndexOutOfBoundsException.class);
  }

  @Test
  void containsIsExactAtBothEndsAndNeverThrows() {
    long end = PAGES << 12;
    assertThat(memory.contains(0, end)).isTrue();
    assertThat(memory.contains(end - 8, 8)).isTrue();
    assertThat(memory.contains(end - 7, 8)).isFalse();
    assertThat(memory.contains(end, 1)).isFalse();
    assertThat(memory.contains(-8, 8)).isFalse();
    assertThat(memory.contains(-8, 16)).isFalse();
    assertThat(memory.contains(8, Long.MAX_VALUE)).isFalse();
    assertThat(memory.contains(Long.MAX_VALUE, 8)).isFalse();
    assertThat(memory.contains(0, -1)).isFalse();
  }

  @Test
  void valuesAreLittleEndianAtAnyAlignment() {
    memory.writeLong(0x1003, 0x1122334455667788L);
    assertThat(arena.get(ValueLayout.JAVA_BYTE, 0x1003)).isEqualTo((byte) 0x88);
    assertThat(memory.readLong(0x1003)).isEqualTo(0x1122334455667788L);
    memory.writeInt(0x2000, -2);
    assertThat(memory.readInt(0x2000)).isEqualTo(-2);
    assertThat(arena.get(ValueLayout.JAVA_BYTE, 0x2000)).isEqualTo((byte) 0xfe);
  }

  @Test
  void compareAndSetReplacesOnlyTheExpectedValue() {
    memory.writeLong(0x3000, 7);
    assertThat(memory.compareAndSetLong(0x3000, 8, 9)).isFalse();
    assertThat(memory.compareAndSetLong(0x3000, 7, 9)).isTrue();
    assertThat(memory.readLong(0x3000)).isEqualTo(9);
    assertThat(memory.compareAndSetInt(0x3000, 9, 10)).isTrue();
    assertThat(memory.compareAndSetInt(0x3000, 9, 11)).isFalse();
    assertThat(memory.readInt(0x3000)).isEqualTo(10);
  }

  @Test
  void anAccessOutsideThrowsInsteadOfTouchingForeignMemory() {
    assertThatThrownBy(() -> memory.readLong((PAGES << 12) - 4))
        .isInstanceOf(IndexOutOfBoundsException.class)
        .hasMessageContaining("pa 0x3fffc");
    assertThatThrownBy(() -> memory.writeInt(-4, 0)).isInstanceOf(IndexOutOfBoundsException.class);
    assertThatThrownBy(() -> memory.read(0x3ff00, new byte[512], 0, 512))
        .isInstanceOf(IndexOutOfBoundsException.class);
  }

  @Test
  void bytesAreCopiedBothWaysAndZeroed() {
    byte[] bytes = {1, 2, 3, 4, 5};
    memory.write(0x4001, bytes, 1, 3);
    byte[] back = new byte[4];
    memory.read(0x4000, back, 0, 4);
    assertThat(back).containsExactly(0, 2, 3, 4);
    memory.writeLong(0x5ff8, -1);
    memory.zero(4, 1);
    assertThat(memory.readInt(0x4001)).isZero();
    assertThat(memory.readLong(0x5ff8)).isZero();
  }

  @Test
  void aRangeBackedByAnotherSegmentKeepsItsFrameNumbers() {
    MemorySegment inside = Arena.ofAuto().allocate(2 << 12, 4096);
    MemorySegment beyond = Arena.ofAuto().allocate(1 << 12, 4096);
    memory.back(8, inside);
    memory.back(1000, beyond);
    memory.writeLong(9 << 12, 42);
    assertThat(inside.get(ValueLayout.JAVA_LONG, 4096)).isEqualTo(42);
    assertThat(arena.get(ValueLayout.JAVA_LONG, 9 << 12)).isZero();
    memory.writeInt(1000 << 12, 43);
    assertThat(beyond.get(ValueLayout.JAVA_INT, 0)).isEqualTo(43);
    memory.writeInt(10 << 12, 44);
    assertThat(arena.get(ValueLayout.JAVA_INT, 10 << 12)).isEqualTo(44);
    assertThat(memory.storageOf(8)).isEqualTo(inside.address());
    assertThat(memory.contains(1001L << 12, 1)).isFalse();
    assertThat(memory.contains(7 << 12, 4096)).isTrue();
    assertThat(memory.contains((8 << 12) - 4, 8)).as("crosses two storages").isFalse();
  }

  @Test
  void rangesThatOverlapOrCrossTheEndAreRefused() {
    MemorySegment two = Arena.ofAuto().allocate(2 << 12, 4096);
    memory.back(8, two);
    assertThatThrownBy(() -> memory.back(9, two)).isInstanceOf(IllegalArgumentException.class);
    assertThatThrownBy(() -> memory.back(PAGES - 1, two))
        .isInstanceOf(IllegalArgumentException.class);
    assertThatThrownBy(() -> memory.back(20, two.asSlice(8, 4096)))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("whole 4096-byte pages");
    assertThatThrownBy(() -> new HostMemory(MemorySegment.ofArray(new byte[4096])))
        .isInstanceOf(IllegalArgumentException.class);
  }
}
