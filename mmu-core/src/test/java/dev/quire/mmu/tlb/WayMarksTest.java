package dev.quire.mmu.tlb;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Random;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** The way of a page is always among the candidates, and there are few others. */
class WayMarksTest {
  private static final int STEPS = 20_000;
  private static final int TAGS = 256;

  @ParameterizedTest
  @CsvSource({"1, 1", "16, 4", "4, 5", "128, 12", "2, 16", "128, 24", "1, 32"})
  void namesTheWay(int sets, int ways) {
    WayMarks marks = new WayMarks(sets, ways);
    Random random = new Random(ways);
    long[] pages = new long[sets * ways];
    int[] tags = new int[sets * ways];
    boolean[] used = new boolean[sets * ways];
    long candidates = 0;
    for (int step = 0; step < STEPS; step++) {
      int set = random.nextInt(sets);
      int written = random.nextInt(ways);
      int slot = set * ways + written;
      pages[slot] = (random.nextLong() >>> 12 + random.nextInt(40)) / sets * sets + set;
      tags[slot] = random.nextInt(TAGS);
      used[slot] = true;
      marks.set(set, written, pages[slot], tags[slot]);
      int asked = set * ways + random.nextInt(ways);
      if (used[asked]) {
        long found = marks.candidates(set, pages[asked], tags[asked]);
        candidates += Long.bitCount(found);
        assertThat(names(found, asked - set * ways)).as("step %d", step).isTrue();
      }
    }
    assertThat(candidates).isLessThan(2L * STEPS);
  }

  private static boolean names(long candidates, int way) {
    for (long rest = candidates; rest != 0; rest &= rest - 1) {
      if (WayMarks.way(rest) == way) {
        return true;
      }
    }
    return false;
  }
}
