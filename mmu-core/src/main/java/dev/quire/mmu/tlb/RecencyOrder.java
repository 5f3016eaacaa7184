package dev.quire.mmu.tlb;

import java.util.Arrays;

/**
 * The ways of each set of an LRU array in the order of their last use. Slots are numbered through
 * all sets.
 *
 * <p>Up to 16 ways are a list of four-bit numbers in one long, the newest lowest. More ways are a
 * ring of links for each set, from the newest over the oldest to newer ones, so that the oldest
 * becomes the newest with one assignment.
 */
final class RecencyOrder {
  private static final int MOST_PACKED = 16;
  private static final int BITS = 4;
  private static final int WAY_MASK = MOST_PACKED - 1;
  private static final long EVERY_NIBBLE = 0x1111_1111_1111_1111L;
  private static final long HIGH_BITS = EVERY_NIBBLE << BITS - 1;

  private final int ways;
  private final int oldestShift;
  private final long usedBits;

  /** By set, or null. */
  private final long[] packed;

  /** By slot, or null; the newest by set. */
  private final int[] newer;

  private final int[] older;
  private final int[] newest;

  RecencyOrder(int sets, int ways) {
    this.ways = ways;
    boolean packs = ways <= MOST_PACKED;
    oldestShift = packs ? BITS * (ways - 1) : 0;
    usedBits = packs ? -1L >>> Long.SIZE - BITS * ways : 0;
    packed = packs ? new long[sets] : null;
    newer = packs ? null : new int[sets * ways];
    older = packs ? null : new int[sets * ways];
    newest = packs ? null : new int[sets];
    reset();
  }

  /** In each set way 0 is the oldest. */
  void reset() {
    if (packed != null) {
      long list = 0;
      for (int way = 0; way < ways; way++) {
        list = list << BITS | way;
      }
      Arrays.fill(packed, list);
      return;
    }
    for (int set = 0; set < newest.length; set++) {
      int base = set * ways;
      for (int way = 0; way < ways; way++) {
        newer[base + way] = base + (way + 1 == ways ? 0 : way + 1);
        older[base + way] = base + (way == 0 ? ways - 1 : way - 1);
      }
      newest[set] = base + ways - 1;
    }
  }

  int oldest(int set) {
    return packed != null
        ? set * ways + ((int) (packed[set] >>> oldestShift) & WAY_MASK)
        : newer[newest[set]];
  }

  /** The oldest slot among {@code count} ways from {@code firstWay}. */
  int oldestOf(int set, int firstWay, int count) {
    int first = set * ways + firstWay;
    int slot = oldest(set);
    int shift = oldestShift;
    while (slot < first || slot >= first + count) {
      if (packed != null) {
        shift -= BITS;
        slot = set * ways + ((int) (packed[set] >>> shift) & WAY_MASK);
      } else {
        slot = newer[slot];
      }
    }
    return slot;
  }

  /** What {@link #touch} of the oldest slot does, for less. */
  void renewOldest(int set) {
    if (packed != null) {
      long list = packed[set];
      packed[set] = (list << BITS | list >>> oldestShift & WAY_MASK) & usedBits;
    } else {
      newest[set] = newer[newest[set]];
    }
  }

  /** Makes a slot the newest of its set. */
  void touch(int set, int slot) {
    if (packed != null) {
      long list = packed[set];
      int way = slot - set * ways;
      long place = placeOf(list, way);
      long above = list & -(place << BITS);
      long below = list & place - 1;
      packed[set] = above | below << BITS | way;
      return;
    }
    int first = newest[set];
    if (slot != first) {
      if (slot != newer[first]) {
        moveBehind(first, slot);
      }
      newest[set] = slot;
    }
  }

  /** Makes a slot the oldest of its set. */
  void age(int set, int slot) {
    if (packed != null) {
      long list = packed[set];
      int way = slot - set * ways;
      long place = placeOf(list, way);
      long above = list & -(place << BITS);
      long below = list & place - 1;
      packed[set] = above >>> BITS | below | (long) way << oldestShift;
      return;
    }
    int first = newest[set];
    if (slot == first) {
      newest[set] = older[slot];
    } else if (slot != newer[first]) {
      moveBehind(first, slot);
    }
  }

  /** The lowest bit of the nibble of the list where a way is: the first that becomes zero. */
  private static long placeOf(long list, int way) {
    long differences = list ^ EVERY_NIBBLE * way;
    long zeros = differences - EVERY_NIBBLE & ~differences & HIGH_BITS;
    return Long.lowestOneBit(zeros) >>> BITS - 1;
  }

  /** Puts a slot between the newest and the oldest. */
  private void moveBehind(int first, int slot) {
    newer[older[slot]] = newer[slot];
    older[newer[slot]] = older[slot];
    int oldest = newer[first];
    newer[first] = slot;
    older[slot] = first;
    newer[slot] = oldest;
    older[oldest] = slot;
  }
}
