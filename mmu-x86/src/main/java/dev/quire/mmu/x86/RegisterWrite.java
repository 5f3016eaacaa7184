package dev.quire.mmu.x86;

/** How a write of a control register ended. */
public enum RegisterWrite {
  /** Done, with the invalidations it implies. */
  DONE,

  /** Refused: nothing changed, the instruction raises #GP(0). */
  GENERAL_PROTECTION,

  /**
   * The PDPTEs of PAE paging could not be read: nothing changed, the {@link
   * dev.quire.mmu.FaultRecord} has the second stage's refusal, and the instruction is to be
   * repeated once the host has resolved it.
   */
  STAGE2_FAULT
}
