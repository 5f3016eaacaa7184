package dev.quire.mmu.arm64;

/**
 * A misprogrammed contiguous bit, found with {@link ContiguousPolicy#STRICT}.
 *
 * @param stage 1 or 2
 * @param address the input address of the group's first page: a va, or an ipa at stage 2
 * @param level of the entries, the Arm ARM's number
 * @param entry the member of the group that disagrees with the one the walk used
 * @param flaw how
 */
public record ContiguousReport(int stage, long address, int level, int entry, Flaw flaw) {
  /** How an entry fails to be a member of the group. */
  public enum Flaw {
    /** The group is larger than the addresses the stage translates. */
    BEYOND_INPUT,
    /** The entry is invalid or a table. */
    NO_LEAF,
    /** The entry does not have the bit. */
    BIT_CLEAR,
    /** The entry's output address is not where the group's is. */
    ADDRESS,
    /** The entries' permissions or memory attributes differ. */
    ATTRIBUTES
  }

  /** Receives reports, on the vCPU's thread, within the walk. */
  public interface Listener {
    void misprogrammed(ContiguousReport report);
  }

  @Override
  public String toString() {
    return "stage %d, group at 0x%x, level %d, entry %d: %s"
        .formatted(stage, address, level, entry, flaw);
  }
}
