package dev.quire.lab.stream;

/** Rising addresses at an equal distance, again from the start when the end is reached. */
final class StrideStream extends SyntheticStream {
  private final long base;
  private final long bytes;
  private final long stride;
  private long offset;

  StrideStream(StreamParameters common, long stride) {
    super(common.count(), common.writeShare(), common.seed());
    this.base = common.base();
    this.bytes = common.bytes();
    this.stride = stride;
  }

  @Override
  void fill(long[] target, int count) {
    long at = offset;
    for (int i = 0; i < count; i++) {
      target[i] = base + at;
      at += stride;
      if (at >= bytes) {
        at = 0;
      }
    }
    offset = at;
  }
}
