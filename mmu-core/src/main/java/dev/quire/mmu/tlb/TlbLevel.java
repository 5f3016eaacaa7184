package dev.quire.mmu.tlb;

/** A level of a TLB, as reports name it. An access is looked up once at L1, by its type. */
public enum TlbLevel {
  L1I,
  L1D,
  L2
}
