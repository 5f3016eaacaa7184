package dev.quire.lab.stream;

/**
 * Units of memory by popularity: the one of rank k is chosen with a probability proportional to
 * k^-s. Ranks are scattered over the range by a permutation.
 *
 * <p>Sampled by rejection-inversion (Hörmann and Derflinger, ACM TOMACS 6, 1996): no table.
 */
final class ZipfStream extends SyntheticStream {
  private final long base;
  private final long unit;
  private final int[] places;
  private final double exponent;
  private final SplitMix random;
  private final double integralOfFirst;
  private final double integralOfLast;
  private final double acceptAtOnce;

  ZipfStream(StreamParameters common, long unit, double exponent) {
    super(common.count(), common.writeShare(), common.seed());
    this.base = common.base();
    this.unit = unit;
    this.places = Permutation.shuffled((int) (common.bytes() / unit), common.seed() + 1);
    this.exponent = exponent;
    this.random = new SplitMix(common.seed());
    this.integralOfFirst = integral(1.5) - 1;
    this.integralOfLast = integral(places.length + 0.5);
    this.acceptAtOnce = 2 - inverse(integral(2.5) - weight(2));
  }

  @Override
  void fill(long[] target, int count) {
    for (int i = 0; i < count; i++) {
      target[i] = base + places[rank() - 1] * unit;
    }
  }

  /** 1 to n. */
  private int rank() {
    while (true) {
      double u = integralOfLast + random.unit() * (integralOfFirst - integralOfLast);
      double x = inverse(u);
      int rank = (int) Math.min(places.length, Math.max(1, Math.rint(x)));
      if (rank - x <= acceptAtOnce || u >= integral(rank + 0.5) - weight(rank)) {
        return rank;
      }
    }
  }

  private double weight(double x) {
    return Math.exp(-exponent * Math.log(x));
  }

  /** The integral of the weight: (x^(1-s) - 1) / (1 - s), and log x for s = 1. */
  private double integral(double x) {
    double logX = Math.log(x);
    double power = (1 - exponent) * logX;
    return (Math.abs(power) > 1e-8 ? Math.expm1(power) / power : 1 + power / 2) * logX;
  }

  private double inverse(double y) {
    double t = Math.max(-1, y * (1 - exponent));
    return Math.exp((Math.abs(t) > 1e-8 ? Math.log1p(t) / t : 1 - t / 2) * y);
  }
}
