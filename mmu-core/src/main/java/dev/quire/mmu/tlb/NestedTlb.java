package dev.quire.mmu.tlb;

/**
 * A cache of second-stage translations, guest physical to physical: AMD's nested TLB, Intel's
 * guest-physical mappings, Arm's IPA cache.
 *
 * @param kind where it is, if there is one
 * @param entries how many, if it is {@link Kind#OWN}; else 0
 * @param ways associativity, or 0
 * @param minimumOrder the smallest second-stage leaf held: 0 for all, 9 for blocks only
 * @param replacement which entry gives way
 */
public record NestedTlb(
    Kind kind, int entries, int ways, int minimumOrder, TlbReplacement replacement) {
  /** Where second-stage translations are cached. */
  public enum Kind {
    /** Nowhere. */
    NONE,
    /** In an array of their own. */
    OWN,
    /** Beside the others in the L2 array that serves the access. */
    IN_L2
  }

  /** No second-stage translation is cached. */
  public static final NestedTlb NONE = new NestedTlb(Kind.NONE, 0, 0, 0, TlbReplacement.LRU);

  /** Checks every field. */
  public NestedTlb {
    if (kind == Kind.OWN) {
      TlbArray.checkShape("the nested TLB", entries, ways);
      TlbArray.checkReplacement("the nested TLB", ways, replacement);
    } else if (entries != 0 || ways != 0) {
      throw new IllegalArgumentException("a nested TLB of kind " + kind + " has no entries");
    }
    if (minimumOrder < 0 || minimumOrder > TlbArray.MAX_ORDER) {
      throw new IllegalArgumentException(
          "the nested TLB's smallest order "
              + minimumOrder
              + " is not in 0.."
              + TlbArray.MAX_ORDER);
    }
  }

  /** An array of its own for every size, with LRU replacement. */
  public static NestedTlb of(int entries, int ways) {
    return new NestedTlb(Kind.OWN, entries, ways, 0, TlbReplacement.LRU);
  }

  /** In the L2 array. */
  public static NestedTlb inL2(int minimumOrder) {
    return new NestedTlb(Kind.IN_L2, 0, 0, minimumOrder, TlbReplacement.LRU);
  }
}
