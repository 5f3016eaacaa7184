package dev.quire.lab.stream;

/** SplitMix64 (Steele, Lea, Flood, OOPSLA'14): a small seeded generator. One thread. */
final class SplitMix {
  private static final double UNIT = 0x1p-53;

  private long state;

  SplitMix(long seed) {
    state = seed;
  }

  long nextLong() {
    state += 0x9e3779b97f4a7c15L;
    long z = (state ^ state >>> 30) * 0xbf58476d1ce4e5b9L;
    z = (z ^ z >>> 27) * 0x94d049bb133111ebL;
    return z ^ z >>> 31;
  }

  /** Uniform below {@code bound}, a positive number up to 2^47 (the bias is below 2^-16). */
  long below(long bound) {
    return Math.unsignedMultiplyHigh(nextLong(), bound);
  }

  /** In [0, 1). */
  double unit() {
    return (nextLong() >>> 11) * UNIT;
  }
}
