package dev.quire.kernel.page;

/**
 * How often a host finds no folio of the order it wants. Whether one is there is a pure function of
 * the seed, the address and the order, so a layout does not depend on what else was touched before.
 *
 * @param share 0 to 1: the probability that a folio of an order is not to be had; the next smaller
 *     order is asked for then, and base pages are always there
 * @param seed of the choice
 */
public record Fragmentation(double share, long seed) {
  /** Every folio is there as long as memory lasts. */
  public static final Fragmentation NONE = new Fragmentation(0, 0);

  private static final double UNIT = 0x1p-53;

  public Fragmentation {
    if (!(share >= 0 && share <= 1)) {
      throw new IllegalArgumentException("fragmentation " + share + " is not in 0..1");
    }
  }

  /** Whether no folio of {@code order} can be had for the aligned range {@code number}. */
  public boolean denies(long number, int order) {
    if (share == 0) {
      return false;
    }
    long z = mix(mix(seed + 0x9e3779b97f4a7c15L * (order + 1)) ^ number);
    return (z >>> 11) * UNIT < share;
  }

  /** The finalizer of SplitMix64 (Steele, Lea, Flood, OOPSLA'14). */
  private static long mix(long value) {
    long z = (value ^ value >>> 30) * 0xbf58476d1ce4e5b9L;
    z = (z ^ z >>> 27) * 0x94d049bb133111ebL;
    return z ^ z >>> 31;
  }
}
