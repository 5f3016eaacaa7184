package dev.quire.mmu.tlb;

import java.util.Arrays;
import java.util.List;

/** Which ways an order may live in, and chance among them. */
final class WayChoice {
  /** By order; null where any entry may be in any way. */
  private final int[] firstWay;

  private final int[] wayCount;
  private final int ways;
  private long randomState;

  WayChoice(int ways, List<TlbArray.WayLimit> limits, long seed) {
    this.ways = ways;
    randomState = mixed(seed) | 1;
    boolean limited = !limits.isEmpty();
    firstWay = limited ? new int[TranslationCache.ORDER_MASK + 1] : null;
    wayCount = limited ? new int[TranslationCache.ORDER_MASK + 1] : null;
    if (limited) {
      Arrays.fill(wayCount, ways);
    }
    for (TlbArray.WayLimit limit : limits) {
      firstWay[limit.order()] = limit.firstWay();
      wayCount[limit.order()] = limit.ways();
    }
  }

  /** The first way that an entry with a tag may be in. */
  int first(int tag) {
    return isLimited(tag) ? firstWay[tag & TranslationCache.ORDER_MASK] : 0;
  }

  /** How many ways from there on. */
  int count(int tag) {
    return isLimited(tag) ? wayCount[tag & TranslationCache.ORDER_MASK] : ways;
  }

  /** Ways are limited by page order only: a walk-cache entry may be anywhere. */
  private boolean isLimited(int tag) {
    return firstWay != null && (tag & TranslationCache.KIND_MASK) <= TranslationCache.PART;
  }

  /** One of so many. */
  int random(int bound) {
    randomState ^= randomState << 13;
    randomState ^= randomState >>> 7;
    randomState ^= randomState << 17;
    return (int) Long.remainderUnsigned(randomState >>> 16, bound);
  }

  private static long mixed(long seed) {
    long z = (seed ^ seed >>> 30) * 0xBF58476D1CE4E5B9L;
    z = (z ^ z >>> 27) * 0x94D049BB133111EBL;
    return z ^ z >>> 31;
  }
}
