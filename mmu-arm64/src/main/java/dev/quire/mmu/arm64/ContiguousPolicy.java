package dev.quire.mmu.arm64;

/**
 * What a walk does with the contiguous bit of a leaf. Whether the bit is right is the guest's (or
 * the host's) to see to: a group whose members disagree is CONSTRAINED UNPREDICTABLE, and a TLB may
 * use any member for the whole group. Source: Arm ARM DDI 0487, D8 (the Contiguous bit).
 */
public enum ContiguousPolicy {
  /** Each address by its own entry: nothing more is read, and a misprogrammed group is not seen. */
  OWN_ENTRY,

  /** As {@link #OWN_ENTRY}; all entries of the group are read, and a disagreement is reported. */
  STRICT,

  /** Each address by one entry of its group, chosen by a seed: what hardware may do. */
  ANY_ENTRY
}
