package dev.quire.kernel.mm;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.quire.kernel.mm.FirstTouchFrames.Layout;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.Collections;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class FirstTouchFramesTest {
  @Test
  void sequentialFramesRiseEvenWhenMemoryIsNoPowerOfTwo() {
    FirstTouchFrames frames = new FirstTouchFrames(1537, Layout.SEQUENTIAL, 0);
    for (long pfn = 0; pfn < 1537; pfn++) {
      assertThat(frames.allocate(0)).isEqualTo(pfn);
    }
    assertThat(frames.allocate(0)).isEqualTo(FrameAllocator.NONE);
  }

  @Test
  void sequentialHugePagesAndTablesSitSideBySide() {
    FirstTouchFrames frames = new FirstTouchFrames(4096, Layout.SEQUENTIAL, 0);
    assertThat(frames.allocate(0)).isEqualTo(0);
    assertThat(frames.allocate(9)).isEqualTo(512);
    assertThat(frames.allocate(0)).isEqualTo(1);
    assertThat(frames.allocate(9)).isEqualTo(1024);
  }

  @Test
  void shuffledFramesDependOnTheSeedAlone() {
    List<Long> first = take(new FirstTouchFrames(1 << 14, Layout.SHUFFLED, 1), 2000);
    List<Long> again = take(new FirstTouchFrames(1 << 14, Layout.SHUFFLED, 1), 2000);
    List<Long> other = take(new FirstTouchFrames(1 << 14, Layout.SHUFFLED, 2), 2000);
    assertThat(again).isEqualTo(first);
    assertThat(other).isNotEqualTo(first);
    long neighbours = 0;
    for (int i = 1; i < first.size(); i++) {
      neighbours += first.get(i) == first.get(i - 1) + 1 ? 1 : 0;
    }
    assertThat(neighbours).as("adjacent frames in a row").isLessThan(40);
  }

  private static List<Long> take(FrameAllocator frames, int count) {
    List<Long> taken = new ArrayList<>();
    for (int i = 0; i < count; i++) {
      taken.add(frames.allocate(0));
    }
    return taken;
  }

  @ParameterizedTest
  @EnumSource(Layout.class)
  void randomUseNeverGivesAFrameTwiceAndLosesNone(Layout layout) {
    Random random = new Random(3);
    int total = 5000;
    FirstTouchFrames frames = new FirstTouchFrames(total, layout, 9);
    BitSet used = new BitSet();
    List<long[]> blocks = new ArrayList<>();
    for (int step = 0; step < 20_000; step++) {
      if (random.nextInt(5) < 3) {
        int order = random.nextInt(4) == 0 ? random.nextInt(11) : 0;
        long pfn = frames.allocate(order);
        if (pfn != FrameAllocator.NONE) {
          int end = (int) pfn + (1 << order);
          assertThat(pfn & (1L << order) - 1).as("alignment").isZero();
          assertThat(end).isLessThanOrEqualTo(total);
          assertThat(used.nextSetBit((int) pfn) >= end || used.nextSetBit((int) pfn) < 0).isTrue();
          used.set((int) pfn, end);
          blocks.add(new long[] {pfn, order});
        }
      } else if (!blocks.isEmpty()) {
        long[] block = blocks.remove(random.nextInt(blocks.size()));
        frames.free(block[0], (int) block[1]);
        used.clear((int) block[0], (int) (block[0] + (1L << block[1])));
      }
      assertThat(frames.freePages()).isEqualTo(total - used.cardinality());
    }
  }

  @ParameterizedTest
  @EnumSource(Layout.class)
  void whatIsFreedInPartsCanBeHadWholeAgain(Layout layout) {
    FirstTouchFrames frames = new FirstTouchFrames(4096, layout, 5);
    List<Long> pages = take(frames, 4096);
    assertThat(frames.allocate(0)).isEqualTo(FrameAllocator.NONE);
    Collections.shuffle(pages, new Random(1));
    pages.forEach(pfn -> frames.free(pfn, 0));
    assertThat(frames.allocate(12)).isZero();
  }

  @Test
  void freeingWhatIsNotAllocatedIsRefused() {
    FirstTouchFrames frames = new FirstTouchFrames(1024, Layout.SEQUENTIAL, 0);
    frames.allocate(1);
    assertThatThrownBy(() -> frames.free(2, 0)).isInstanceOf(IllegalArgumentException.class);
    assertThatThrownBy(() -> frames.free(0, 2)).isInstanceOf(IllegalArgumentException.class);
    assertThatThrownBy(() -> frames.free(1024, 0)).isInstanceOf(IllegalArgumentException.class);
    assertThatThrownBy(() -> frames.free(1, 1)).isInstanceOf(IllegalArgumentException.class);
    frames.free(1, 0);
    assertThatThrownBy(() -> frames.free(1, 0)).isInstanceOf(IllegalArgumentException.class);
  }

  @Test
  void ordersThatMemoryCannotHoldGiveNone() {
    FirstTouchFrames frames = new FirstTouchFrames(1000, Layout.SEQUENTIAL, 0);
    assertThat(frames.allocate(10)).isEqualTo(FrameAllocator.NONE);
    assertThat(frames.allocate(-1)).isEqualTo(FrameAllocator.NONE);
    assertThat(frames.allocate(40)).isEqualTo(FrameAllocator.NONE);
    assertThat(frames.freePages()).isEqualTo(1000);
  }
}
