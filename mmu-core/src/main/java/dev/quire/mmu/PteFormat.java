package dev.quire.mmu;

/**
 * A page-table format, as code that builds tables needs it: the kernel model writes every table
 * through this port and never peeks at a bit. Levels count down to 0, the level of base pages.
 *
 * <p>Entries are 8 bytes. All methods are pure and allocation-free.
 */
public interface PteFormat {
  /** Level of the root table. */
  int rootLevel();

  /** Number of entries in a table of this level (a concatenated root may have more). */
  int entries(int level);

  /** Index of the entry that maps {@code address} in a table of this level. */
  int index(long address, int level);

  /** The order of a leaf at this level, {@link Order}. */
  int leafOrder(int level);

  /** Whether the format has leaves at this level. */
  boolean leafAllowed(int level);

  /** The order of one table: how large a frame a table needs. */
  int tableOrder(int level);

  boolean isPresent(long entry);

  boolean isLeaf(long entry, int level);

  /** The pfn (4 KiB units) a leaf maps or a table entry points to. */
  long pfn(long entry, int level);

  /** The {@link Protection} of a leaf. */
  int protection(long entry, int level);

  boolean isAccessed(long entry);

  boolean isDirty(long entry);

  /** A leaf at {@code level} for the page starting at {@code pfn}. */
  long leaf(long pfn, int level, int protection);

  /**
   * The order of an aligned group of leaves that one TLB entry may hold if each of them says so:
   * that of the leaf itself where the format has no way to say it.
   */
  default int contiguousOrder(int level) {
    return leafOrder(level);
  }

  /** {@link #leaf} as a member of such a group. */
  default long contiguousLeaf(long pfn, int level, int protection) {
    throw new UnsupportedOperationException("no contiguous leaves in this format");
  }

  /** An entry that points to a table of level {@code level - 1}. */
  long table(long tablePfn, int level);
}
