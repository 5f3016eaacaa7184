package dev.quire.mmu.tlb;

import java.util.Arrays;

/** How many entries of each kind and order an array has; lookup paths hear what they can probe. */
final class TagCensus {
  private static final int KINDS = 4;

  private final TranslationCache cache;

  /** Entries by tag, and by kind the orders that have any. */
  private final int[] live = new int[TranslationCache.TAG_MASK + 1];

  private final long[] ordersInUse = new long[KINDS];
  private int size;
  private LookupPath[] watchers = {};

  TagCensus(TranslationCache cache) {
    this.cache = cache;
  }

  /** Tells a lookup path when an order it can probe appears or vanishes. */
  void addWatcher(LookupPath path) {
    watchers = Arrays.copyOf(watchers, watchers.length + 1);
    watchers[watchers.length - 1] = path;
  }

  int size() {
    return size;
  }

  /** Bit set of the orders that entries of a kind have. */
  long ordersInUse(int kind) {
    return ordersInUse[kind >>> 6];
  }

  void clear() {
    for (int tag = 0; tag < live.length; tag++) {
      change(tag, -live[tag]);
    }
  }

  /** So many more entries with a tag, or fewer. */
  void change(int tag, int difference) {
    size += difference;
    live[tag] += difference;
    boolean present = live[tag] != 0;
    long bit = 1L << tag;
    long orders = ordersInUse[tag >>> 6];
    if (present != ((orders & bit) != 0)) {
      ordersInUse[tag >>> 6] = orders ^ bit;
      for (LookupPath path : watchers) {
        path.presence(cache, tag, present);
      }
    }
  }
}
