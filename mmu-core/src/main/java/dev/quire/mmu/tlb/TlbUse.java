package dev.quire.mmu.tlb;

import dev.quire.mmu.Access;

/** What an array of a TLB is looked up for. The ordinal is the type of {@link Access}. */
public enum TlbUse {
  /** {@link Access#READ}. */
  LOAD,
  /** {@link Access#WRITE}. */
  STORE,
  /** {@link Access#FETCH}. */
  FETCH
}
