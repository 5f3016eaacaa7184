package dev.quire.mmu.tlb;

/** Whose rules of invalidation a modelled core follows where the architectures differ. */
public enum TlbIsa {
  /** INVLPG drops every paging-structure-cache entry of its PCID (SDM vol. 3A 4.10.4.1). */
  X86_64,
  /** TLBI by address drops the walk-cache entries that lead to it (Arm ARM D8.14). */
  ARM64
}
