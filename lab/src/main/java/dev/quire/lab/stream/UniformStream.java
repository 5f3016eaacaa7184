package dev.quire.lab.stream;

/** Every aligned unit of the range is as likely as any other, each time. */
final class UniformStream extends SyntheticStream {
  private final long base;
  private final long units;
  private final long unit;
  private final SplitMix random;

  UniformStream(StreamParameters common, long unit) {
    super(common.count(), common.writeShare(), common.seed());
    this.base = common.base();
    this.unit = unit;
    this.units = common.bytes() / unit;
    this.random = new SplitMix(common.seed());
  }

  @Override
  void fill(long[] target, int count) {
    for (int i = 0; i < count; i++) {
      target[i] = base + random.below(units) * unit;
    }
  }
}
