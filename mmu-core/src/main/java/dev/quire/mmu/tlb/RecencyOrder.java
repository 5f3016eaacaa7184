package dev.quire.mmu.tlb;

import java.util.Arrays;

/**
 * The ways of each set of an LRU array in the order of their last use. Slots are numbered through
 * all sets.
 *
 * <p>Up to 16 ways are a list of four-bit numbers in one long, the newest lowest. More ways of one
 * set, which is mostly filled, are a ring of links, so that the oldest becomes the newest with one
 * assignment. More ways of many sets, which are mostly touched, have the time of their last use.
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

  /** By slot, or null. */
  private final long[] lastUses;

  private long clock;

  /** By slot, or null. Older than the oldest is the newest. */
  private final int[] newer;

  private final int[] older;
  private int oldest;

  RecencyOrder(int sets, int ways) {
    this.ways = ways;
    boolean packs = ways <= MOST_PACKED;
    boolean links = !packs && sets == 1;
    oldestShift = packs ? BITS * (ways - 1) : 0;
    usedBits = packs ? -1L >>> Long.SIZE - BITS * ways : 0;
    packed = packs ? new long[sets] : null;
    lastUses = packs || links ? null : new long[sets * ways];
    newer = links ? new int[ways] : null;
    older = links ? new int[ways] : null;
    reset();
  }

  /** In each set way 0 is the oldest, or all are alike. */
  void reset() {
    if (packed != null) {
      long list = 0;
      for (int way = 0; way < ways; way++) {
        list = list << BITS | way;
      }
      Arrays.fill(packed, list);
    } else if (lastUses != null) {
      Arrays.fill(lastUses, 0);
    } else {
      for (int way = 0; way < ways; way++) {
        newer[way] = way + 1 == ways ? 0 : way + 1;
        older[way] = way == 0 ? ways - 1 : way - 1;
      }
      oldest = 0;
    }
  }

  /** The oldest slot among {@code count} ways from {@code firstWay}. */
  int oldestOf(int set, int firstWay, int count) {
    int first = set * ways + firstWay;
    if (lastUses != null) {
      return leastRecent(first, count);
    }
    int shift = oldestShift;
    int slot = packed != null ? wayAt(set, shift) : oldest;
    while (slot < first || slot >= first + count) {
      shift -= BITS;
      slot = packed != null ? wayAt(set, shift) : newer[slot];
    }
    return slot;
  }

  private int wayAt(int set, int shift) {
    return set * ways + ((int) (packed[set] >>> shift) & WAY_MASK);
  }

  private int leastRecent(int first, int count) {
    int least = first;
    long time = lastUses[first];
    for (int slot = first + 1; slot < first + count; slot++) {
      long other = lastUses[slot];
      least = other < time ? slot : least;
      time = Math.min(other, time);
    }
    return least;
  }

  /** Makes the oldest slot the newest, and says which it is. */
  int renewOldest(int set) {
    if (packed != null) {
      long list = packed[set];
      int way = (int) (list >>> oldestShift) & WAY_MASK;
      packed[set] = (list << BITS | way) & usedBits;
      return set * ways + way;
    }
    if (lastUses != null) {
      int slot = leastRecent(set * ways, ways);
      lastUses[slot] = ++clock;
      return slot;
    }
    int slot = oldest;
    oldest = newer[slot];
    return slot;
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
    } else if (lastUses != null) {
      lastUses[slot] = ++clock;
    } else if (slot == oldest) {
      oldest = newer[slot];
    } else if (slot != older[oldest]) {
      moveBeforeOldest(slot);
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
    } else if (lastUses != null) {
      lastUses[slot] = 0;
    } else if (slot != oldest) {
      if (slot != older[oldest]) {
        moveBeforeOldest(slot);
      }
      oldest = slot;
    }
  }

  /** The lowest bit of the nibble of the list where a way is: the first that becomes zero. */
  private static long placeOf(long list, int way) {
    long differences = list ^ EVERY_NIBBLE * way;
    long zeros = differences - EVERY_NIBBLE & ~differences & HIGH_BITS;
    return Long.lowestOneBit(zeros) >>> BITS - 1;
  }

  /** Puts a slot between the newest and the oldest. */
  private void moveBeforeOldest(int slot) {
    newer[older[slot]] = newer[slot];
    older[newer[slot]] = older[slot];
    int newest = older[oldest];
    newer[newest] = slot;
    older[slot] = newest;
    newer[slot] = oldest;
    older[oldest] = slot;
  }
}
