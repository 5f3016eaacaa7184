package dev.quire.lab.stream;

import dev.quire.mmu.Access;

/** A computed stream: data accesses alone, each by an instruction of its own. */
abstract sealed class SyntheticStream implements AccessStream
    permits StrideStream, UniformStream, ZipfStream, ChaseStream, GridStream {
  private final SplitMix writes;
  private final double writeShare;
  private long remaining;

  /**
   * @param count of accesses
   * @param writeShare 0 to 1: the probability that an access is a write
   */
  SyntheticStream(long count, double writeShare, long seed) {
    this.remaining = count;
    this.writeShare = writeShare;
    this.writes = new SplitMix(seed ^ 0x7772697465L);
  }

  @Override
  public final int read(long[] target, int most) {
    int count = (int) Math.min(remaining, most);
    fill(target, count);
    if (writeShare == 0) {
      mark(target, count, Access.READ);
    } else if (writeShare == 1) {
      mark(target, count, Access.WRITE);
    } else {
      for (int i = 0; i < count; i++) {
        int type = writes.unit() < writeShare ? Access.WRITE : Access.READ;
        target[i] = PackedAccess.of(target[i], type, true);
      }
    }
    remaining -= count;
    return count;
  }

  private static void mark(long[] target, int count, int type) {
    for (int i = 0; i < count; i++) {
      target[i] = PackedAccess.of(target[i], type, true);
    }
  }

  /** Puts the next {@code count} addresses into {@code target}. */
  abstract void fill(long[] target, int count);

  @Override
  public final void close() {
    remaining = 0;
  }
}
