package dev.quire.mmu.tlb;

import java.util.Arrays;

/** Hash chains through the slots of an array, by the page that a slot holds. */
final class SlotChains {
  static final int NONE = -1;

  private static final long LOW_HALF = 0xffff_ffffL;
  private static final int FREE_BUCKETS = 4096;

  private final int[] heads;
  private final int bucketBits;

  /** By slot: its bucket in the upper half, the slot behind it in the lower. */
  private final long[] links;

  SlotChains(int entries) {
    heads = new int[buckets(entries)];
    bucketBits = Integer.numberOfTrailingZeros(heads.length);
    links = new long[entries];
    clear();
  }

  /** Small arrays, which miss more often than not, get more of them: an empty one ends a search. */
  private static int buckets(int entries) {
    return Integer.highestOneBit(Math.min(32 * entries, Math.max(4 * entries, FREE_BUCKETS)) - 1);
  }

  void clear() {
    Arrays.fill(heads, NONE);
  }

  /** The first slot where a page may be, or {@link #NONE}. */
  int first(long page) {
    return heads[bucketOf(page)];
  }

  /** The slot behind one. */
  int next(int slot) {
    return (int) links[slot];
  }

  void add(int slot, long page) {
    int bucket = bucketOf(page);
    links[slot] = (long) bucket << Integer.SIZE | heads[bucket] & LOW_HALF;
    heads[bucket] = slot;
  }

  void remove(int slot) {
    long link = links[slot];
    int bucket = (int) (link >>> Integer.SIZE);
    int before = heads[bucket];
    if (before == slot) {
      heads[bucket] = (int) link;
      return;
    }
    while ((int) links[before] != slot) {
      before = (int) links[before];
    }
    links[before] = links[before] & ~LOW_HALF | link & LOW_HALF;
  }

  /** Pages of one region have different buckets; pages a power of two apart do not share one. */
  private int bucketOf(long page) {
    long region = page >>> bucketBits;
    return (int) (page ^ region * 0x9E3779B97F4A7C15L >>> 44) & heads.length - 1;
  }
}
