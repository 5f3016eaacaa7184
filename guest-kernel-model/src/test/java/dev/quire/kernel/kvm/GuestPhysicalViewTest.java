package dev.quire.kernel.kvm;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.quire.kernel.mm.DemandAddressSpace;
import dev.quire.kernel.mm.FirstTouchFrames;
import dev.quire.kernel.mm.FirstTouchFrames.Layout;
import dev.quire.kernel.mm.HostMemory;
import dev.quire.kernel.mm.HostPagePolicy;
import java.lang.foreign.Arena;
import java.util.Arrays;
import java.util.Random;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

class GuestPhysicalViewTest {
  private static final long HVA = 0x7f00_0000_0000L;
  private final HostMemory memory = new HostMemory(Arena.ofAuto().allocate(1 << 20, 4096));
  private final FirstTouchFrames frames = new FirstTouchFrames(256, Layout.SHUFFLED, 7);
  private final DemandAddressSpace space =
      new DemandAddressSpace(memory, frames, HostPagePolicy.BASE);
  private final MemSlots slots = new MemSlots(8, 48);
  private final GuestPhysicalView view = new GuestPhysicalView(slots, space, memory);

  @BeforeEach
  void twoAdjacentSlotsAndOneApart() {
    space.map(HVA, 1 << 21);
    slots.set(0, 0, 0, 0x8000, HVA);
    slots.set(1, 0, 0x8000, 0x8000, HVA + 0x10000);
    slots.set(2, 0, 0x1_0000_0000L, 0x8000, HVA + 0x20000);
  }

  @Test
  void bytesCrossPagesAndSlotsAsOneArrayDoes() {
    Random random = new Random(11);
    byte[] oracle = new byte[0x10000];
    for (int step = 0; step < 2000; step++) {
      int length = random.nextInt(step % 10 == 0 ? 0x6000 : 64);
      int gpa = random.nextInt(oracle.length - length + 1);
      if (random.nextBoolean()) {
        byte[] bytes = new byte[length + 3];
        random.nextBytes(bytes);
        view.write(gpa, bytes, 3, length);
        System.arraycopy(bytes, 3, oracle, gpa, length);
      } else {
        byte[] bytes = new byte[length];
        view.read(gpa, bytes, 0, length);
        assertThat(bytes).isEqualTo(Arrays.copyOfRange(oracle, gpa, gpa + length));
      }
    }
  }

  @Test
  void valuesAreLittleEndianOfEachSize() {
    view.writeValue(0x7ffd, 8, 0x1122334455667788L);
    assertThat(view.readValue(0x7ffd, 8)).isEqualTo(0x1122334455667788L);
    assertThat(view.readValue(0x7ffd, 1)).isEqualTo(0x88);
    assertThat(view.readValue(0x7ffd, 2)).isEqualTo(0x7788);
    assertThat(view.readValue(0x7ffd, 4)).isEqualTo(0x55667788);
    view.writeValue(0x7ffd, 1, 0xfff);
    assertThat(view.readValue(0x7ffd, 2)).isEqualTo(0x77ff);
  }

  @Test
  void containsFollowsSlotsWithoutTouchingMemory() {
    assertThat(view.contains(0, 0x10000)).isTrue();
    assertThat(view.contains(0, 0x10001)).isFalse();
    assertThat(view.contains(0xfff0, 0x10)).isTrue();
    assertThat(view.contains(0x1_0000_7fffL, 1)).isTrue();
    assertThat(view.contains(0x1_0000_8000L, 0)).isFalse();
    assertThat(view.contains(-1, 1)).isFalse();
    assertThat(view.contains(1, Long.MAX_VALUE)).isFalse();
    assertThat(view.contains(0, -1)).isFalse();
    assertThat(space.residentPages()).isZero();
  }

  @Test
  void anAddressWithoutMemoryIsNamed() {
    assertThatThrownBy(() -> view.readValue(0xfffc, 8))
        .isInstanceOf(IndexOutOfBoundsException.class)
        .hasMessage("no guest memory at gpa 0x10000");
  }

  @Test
  void aHostWithoutFramesIsNamed() {
    while (frames.allocate(0) >= 0) {
      assertThat(frames.freePages()).isNotNegative();
    }
    assertThatThrownBy(() -> view.writeValue(0, 8, 1))
        .isInstanceOf(IllegalStateException.class)
        .hasMessage("host cannot back gpa 0x0: out of memory");
  }
}
