package dev.quire.mmu.x86;

/**
 * The extended-page-table pointer (SDM vol. 3C table 24-8).
 *
 * <pre>
 *  63     N N-1             12 11    8  7   6   5      3 2      0
 * +--------+------------------+-------+---+----+--------+--------+
 * |   0    | root table, frame|   0   |SSS|A/D | levels | memory |
 * |        |                  |       |   |    |   - 1  | type   |
 * +--------+------------------+-------+---+----+--------+--------+
 * </pre>
 */
public final class Eptp {
  /** Enables accessed and dirty flags; table accesses of the guest's walks become writes. */
  public static final long ACCESSED_DIRTY = 1L << 6;

  private static final int LEVELS_SHIFT = 3;
  private static final int LEVELS_MASK = 7;

  private Eptp() {}

  /** A pointer to a write-back root table. */
  public static long of(long rootPa, int levels, boolean accessedDirty) {
    return rootPa
        | (levels - 1) << LEVELS_SHIFT
        | EptEntry.WRITE_BACK
        | (accessedDirty ? ACCESSED_DIRTY : 0);
  }

  /** Host physical address of the root table. */
  public static long root(long eptp) {
    return eptp & Ia32ePte.ADDRESS;
  }

  public static int levels(long eptp) {
    return ((int) eptp >>> LEVELS_SHIFT & LEVELS_MASK) + 1;
  }
}
