package dev.quire.kernel.mm;

import dev.quire.kernel.gather.TlbFlush;
import dev.quire.kernel.stat.KernelCounters;
import dev.quire.kernel.stat.Primitive;

/** Counts flushes of translations and what they cover. */
final class TlbFlushes implements TlbFlush {
  private final KernelCounters counters;
  private final int pageShift;
  private final int pmdShift;

  TlbFlushes(KernelCounters counters, int pageShift, int pmdShift) {
    this.counters = counters;
    this.pageShift = pageShift;
    this.pmdShift = pmdShift;
  }

  @Override
  public void range(int mm, long start, long end, int level, boolean tablesFreed) {
    int shift = level == 0 ? pageShift : pmdShift;
    counters.count(Primitive.TLB_FLUSH);
    counters.count(Primitive.TLB_FLUSH_PAGE, Math.max(1, end - start >>> shift));
  }

  @Override
  public void all(int mm, boolean tablesFreed) {
    counters.count(Primitive.TLB_FLUSH);
  }
}
