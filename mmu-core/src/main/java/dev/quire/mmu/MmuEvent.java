package dev.quire.mmu;

/** What an MMU counts. Each is an exact count of what the model did. */
public enum MmuEvent {
  /** Stage-1 (or combined) walks begun: the architectural TLB had no usable entry. */
  WALK,
  /** Stage-1 table entries read by walks. */
  STAGE1_REFERENCE,
  /** Second-stage table entries read by walks. */
  STAGE2_REFERENCE,
  /** Faults reported to the guest. */
  GUEST_FAULT,
  /** Second-stage faults reported to the host. */
  STAGE2_FAULT,
  /** Accessed bits or flags set by hardware. */
  ACCESSED_SET,
  /** Dirty bits set by hardware. */
  DIRTY_SET,
  /** Leaves whose contiguous bit is misprogrammed, found by a strict walk. */
  CONTIGUOUS_MISPROGRAMMED,
  /** Invalidations consumed. */
  INVALIDATION,
}
