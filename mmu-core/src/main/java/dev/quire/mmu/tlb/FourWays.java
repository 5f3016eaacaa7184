package dev.quire.mmu.tlb;

/** A set of four ways, as most first levels have, without a loop. */
final class FourWays {
  static final int WAYS = 4;

  private FourWays() {}

  /** The slot that has a key at its start, the first at {@code base}; or -1. */
  static int find(long[] slots, int stride, int base, long key) {
    int at = stride * base;
    if (slots[at] == key) {
      return base;
    }
    if (slots[at + stride] == key) {
      return base + 1;
    }
    if (slots[at + 2 * stride] == key) {
      return base + 2;
    }
    return slots[at + 3 * stride] == key ? base + 3 : -1;
  }

  static long least(long[] in, int first) {
    return Math.min(Math.min(in[first], in[first + 1]), Math.min(in[first + 2], in[first + 3]));
  }
}
