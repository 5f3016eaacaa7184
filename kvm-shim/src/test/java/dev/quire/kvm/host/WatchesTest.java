package dev.quire.kvm.host;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Random;
import org.junit.jupiter.api.Test;

class WatchesTest {
  private static final int PLACES = 40;
  private static final int STEPS = 3000;

  /** Against an array with the mode of each place. */
  @Test
  void whatIsSaidLastOfAPlaceHolds() {
    Random random = new Random(7);
    Watches watches = new Watches();
    int[] modes = new int[PLACES];
    for (int step = 0; step < STEPS; step++) {
      int first = random.nextInt(PLACES);
      int end = first + 1 + random.nextInt(PLACES - first);
      int mode = random.nextInt(Watches.ALL + 1);
      assertThat(watches.set(first, end, mode)).isTrue();
      java.util.Arrays.fill(modes, first, end, mode);
      int from = random.nextInt(PLACES);
      int to = from + 1 + random.nextInt(PLACES - from);
      int[] found = new int[PLACES];
      long last = from;
      for (Watches.Part part : watches.within(from, to)) {
        assertThat(part.first()).isGreaterThanOrEqualTo(last);
        assertThat(part.end()).isGreaterThan(part.first()).isLessThanOrEqualTo(to);
        java.util.Arrays.fill(found, (int) part.first(), (int) part.end(), part.mode());
        last = part.end();
      }
      for (int place = from; place < to; place++) {
        assertThat(found[place]).as("step %d, place %d", step, place).isEqualTo(modes[place]);
      }
    }
  }

  @Test
  void thereIsALimit() {
    Watches watches = new Watches();
    int parts = 0;
    while (watches.set(2L * parts, 2L * parts + 1, Watches.MISSING)) {
      parts++;
    }
    assertThat(parts).isEqualTo(1 << 16);
  }
}
