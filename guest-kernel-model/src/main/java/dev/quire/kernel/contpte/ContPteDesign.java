package dev.quire.kernel.contpte;

/**
 * How far the series "Transparent Contiguous PTEs for User Mappings" is applied (R. Roberts, v5,
 * February 2024; merged for Linux 6.9 as v6): the rungs of its fork and munmap tables.
 */
public enum ContPteDesign {
  /** Groups are set by runs and unfolded by whatever changes one of their entries. */
  BASIC,
  /** Runs are write-protected and cleared as runs, and scanned by groups. */
  BATCHED,
  /** The calls that fork needs for each entry are inlined. */
  INLINE,
  /** A group is folded when its last entry is set: Linux 6.9 to 6.18. */
  FOLD;

  boolean batches() {
    return this != BASIC;
  }

  boolean inlines() {
    return compareTo(INLINE) >= 0;
  }

  boolean folds() {
    return this == FOLD;
  }
}
