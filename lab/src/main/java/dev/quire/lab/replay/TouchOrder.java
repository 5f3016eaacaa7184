package dev.quire.lab.replay;

import java.util.Locale;

/** The order in which a touch operation visits its pages. */
final class TouchOrder {
  private static final long MULTIPLIER = 6364136223846793005L;
  private static final long INCREMENT = 1442695040888963407L;
  private static final int SHIFT = 33;

  /** From the first page to the last, from the last to the first, or shuffled. */
  enum Direction {
    SEQ,
    REV,
    RAND;

    static Direction named(String name) {
      for (Direction direction : values()) {
        if (direction.name().toLowerCase(Locale.ROOT).equals(name)) {
          return direction;
        }
      }
      return null;
    }
  }

  private TouchOrder() {}

  /**
   * The indexes 0 to {@code count} - 1 in the order of the visit; shuffled means Fisher-Yates from
   * the end, its draws the upper 31 bits of a linear congruential generator started at the seed.
   */
  static int[] of(int count, Direction direction, long seed) {
    int[] order = new int[count];
    for (int i = 0; i < count; i++) {
      order[i] = direction == Direction.REV ? count - 1 - i : i;
    }
    if (direction == Direction.RAND) {
      long state = seed;
      for (int i = count - 1; i > 0; i--) {
        state = state * MULTIPLIER + INCREMENT;
        int other = (int) ((state >>> SHIFT) % (i + 1));
        int kept = order[i];
        order[i] = order[other];
        order[other] = kept;
      }
    }
    return order;
  }
}
