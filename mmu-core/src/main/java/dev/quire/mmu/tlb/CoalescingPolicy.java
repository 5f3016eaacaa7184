package dev.quire.mmu.tlb;

import dev.quire.mmu.Order;

/**
 * When one entry may cover more than the page that was walked to. The effective order of a page is
 * the smaller of both stages' leaves; a policy may raise it.
 *
 * <p>The contiguous bit raises a stage's part to the order of the group it promises, so that the
 * entry has the smaller of both stages' promises: {@code min(max(leaf1, group1), max(leaf2,
 * group2))} (Arm ARM D8.7). A group promised at one stage alone changes nothing where the other
 * stage maps smaller pages.
 *
 * <p>What hardware does without a hint looks at the eight entries of the cache line that was walked
 * to, for pages that the contiguous bit did not raise and that are smaller than 2 MiB.
 *
 * @param contiguousBit whether the architectural hint is used
 * @param hardware what is done without a hint
 * @param pages in the largest coalesced entry: 2, 4 or 8; 1 for none
 * @param l1 whether L1 holds coalesced entries
 * @param l2 whether L2 does
 */
public record CoalescingPolicy(
    boolean contiguousBit, Hardware hardware, int pages, boolean l1, boolean l2) {
  /** What hardware coalesces without a hint. */
  public enum Hardware {
    /** Nothing. */
    NONE,
    /**
     * A whole group, aligned in virtual and physical addresses, with equal attributes, of any base
     * page size: page aggregation (HPA), and AMD's 16 KiB entries.
     */
    AGGREGATION,
    /**
     * Any run within the aligned group, wherever it lies in physical memory, of 4 KiB pages, in the
     * arrays that hold them, whose index is taken above the group (CoLT-SA; Pham et al., MICRO'12).
     */
    COLT_SA,
    /** The same, of two pages or more, in the fully associative arrays of L1 (CoLT-FA, ibid.). */
    COLT_FA
  }

  /** Each page is an entry of its own. */
  public static final CoalescingPolicy NONE =
      new CoalescingPolicy(false, Hardware.NONE, 1, false, false);

  /** The contiguous bit alone. */
  public static final CoalescingPolicy CONTIGUOUS_BIT =
      new CoalescingPolicy(true, Hardware.NONE, 1, false, false);

  private static final int LARGEST_GROUP = 8;

  /** Checks every field. */
  public CoalescingPolicy {
    boolean none = hardware == Hardware.NONE;
    boolean legal =
        none ? pages == 1 : pages > 1 && pages <= LARGEST_GROUP && Integer.bitCount(pages) == 1;
    if (!legal) {
      throw new IllegalArgumentException(
          "coalescing "
              + hardware
              + " of "
              + pages
              + " pages: "
              + (none ? "1 is needed" : "2, 4 or 8 are needed"));
    }
    if (none ? l1 || l2 : !l1 && !l2 || hardware == Hardware.COLT_FA && (!l1 || l2)) {
      throw new IllegalArgumentException(
          "coalescing "
              + hardware
              + " in L1: "
              + l1
              + ", in L2: "
              + l2
              + (hardware == Hardware.COLT_FA ? "; it is in L1 alone" : ""));
    }
  }

  /** Page aggregation in both levels, without the contiguous bit. */
  public static CoalescingPolicy aggregation(int pages) {
    return new CoalescingPolicy(false, Hardware.AGGREGATION, pages, true, true);
  }

  /** CoLT-SA in both levels. */
  public static CoalescingPolicy coltSa(int pages) {
    return new CoalescingPolicy(false, Hardware.COLT_SA, pages, true, true);
  }

  /** CoLT-FA. */
  public static CoalescingPolicy coltFa(int pages) {
    return new CoalescingPolicy(false, Hardware.COLT_FA, pages, true, false);
  }

  /** The same hardware with or without the contiguous bit. */
  public CoalescingPolicy withContiguousBit(boolean used) {
    return new CoalescingPolicy(used, hardware, pages, l1, l2);
  }

  /** Whether {@link WalkedPages#neighbours} is looked at. */
  public boolean usesNeighbours() {
    return hardware != Hardware.NONE;
  }

  /** By how much a whole group's order is above its pages'. */
  int groupOrder() {
    return Integer.numberOfTrailingZeros(pages);
  }

  /** Whether hardware coalesces pages of this order. */
  boolean coalesces(int order) {
    return switch (hardware) {
      case NONE -> false;
      case AGGREGATION -> order < Order.SIZE_2M;
      case COLT_SA, COLT_FA -> order == Order.SIZE_4K;
    };
  }
}
