package dev.quire.kernel.mm;

import dev.quire.kernel.gather.TlbFlush;
import dev.quire.kernel.stat.KernelCounters;
import dev.quire.kernel.stat.Primitive;

/**
 * Flushes translations as the architecture does, and counts it: entry by entry up to a limit, above
 * it the process's all at once. Source: Linux v6.18 arch/x86/mm/tlb.c
 * (tlb_single_page_flush_ceiling), arch/arm64/include/asm/tlbflush.h (MAX_DVM_OPS; processors
 * without range invalidation), arch/arm64/include/asm/tlb.h.
 */
final class TlbFlushes implements TlbFlush {
  private static final int X86_CEILING = 33;

  private final KernelCounters counters;
  private final boolean arm64;
  private final int pageShift;
  private final int pmdShift;

  /** The most entries that are flushed one by one. */
  private final long singles;

  TlbFlushes(KernelCounters counters, HostArchitecture architecture, int pageShift, int pmdShift) {
    this.counters = counters;
    this.arm64 = architecture == HostArchitecture.ARM64;
    this.pageShift = pageShift;
    this.pmdShift = pmdShift;
    this.singles = arm64 ? (1L << pmdShift - pageShift) - 1 : X86_CEILING;
  }

  @Override
  public void range(int mm, long start, long end, int level, boolean tablesFreed) {
    long entries = Math.max(1, end - start >>> (level == 0 ? pageShift : pmdShift));
    counters.count(Primitive.TLB_FLUSH);
    if (entries <= singles) {
      counters.count(Primitive.TLB_FLUSH_PAGE, entries);
    }
  }

  /** On arm64 nobody takes the process's ASID before a flush of everything: only walks matter. */
  @Override
  public void all(int mm, boolean tablesFreed) {
    if (!arm64 || tablesFreed) {
      process();
    }
  }

  /** All translations of a process that lives on (flush_tlb_mm). */
  void process() {
    counters.count(Primitive.TLB_FLUSH);
  }
}
