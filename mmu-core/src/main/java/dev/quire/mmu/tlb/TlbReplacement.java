package dev.quire.mmu.tlb;

/** Which entry of a full set gives way. Free entries are taken first, the lowest way first. */
public enum TlbReplacement {
  /** The one used longest ago. */
  LRU,
  /** A binary tree of "the other half was used later" bits; ways is a power of two up to 64. */
  TREE_PLRU,
  /** Any, by a generator seeded from the run's seed and the array's position. */
  RANDOM
}
