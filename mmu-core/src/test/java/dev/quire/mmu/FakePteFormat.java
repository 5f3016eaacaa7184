package dev.quire.mmu;

/**
 * A deliberately odd page-table format for tests: code that builds tables and works with this one
 * does not peek at bits. After Hafnium's fake architecture.
 *
 * <pre>
 *  level   3 (root)  2          1         0
 *  bits    8         11 (16K)   9         9        address 48..12
 *  leaf    no        1 GiB      2 MiB     4 KiB
 *
 *  entry  63 62  61  60      50             45..18        17  16..4        3   2..0
 *        +-----+---+-------+--------------+--------------+---+------------+---+--------+
 *        |  0  | D | group | write denied | code 43..16  | P | code 15..3 | A | c 2..0 |
 *        +-----+---+-------+--------------+--------------+---+------------+---+--------+
 *  code = rotate(pfn:40 | rights:3 | table:1, 11 * level + 5) ^ a mask of the level's own
 * </pre>
 */
public final class FakePteFormat implements PteFormat {
  private static final int[] LEVEL_BITS = {9, 9, 11, 8};
  private static final int[] LEAF_ORDER = {0, 9, 18, 29};
  private static final int[] TABLE_ORDER = {0, 0, 2, 0};
  private static final long[] LEVEL_MASK = {0x5a5a5a5a5a5L, 0xfffffffffffL, 0x12345678901L, 0};
  private static final int CODE_BITS = 44;
  private static final long CODE_MASK = (1L << CODE_BITS) - 1;
  private static final int RIGHTS_SHIFT = 40;
  private static final long TABLE = 1L << 43;
  private static final long PRESENT = 1L << 17;
  private static final long ACCESSED = 1L << 3;
  private static final long DIRTY = 1L << 61;
  private static final long GROUP = 1L << 60;
  private static final int GROUP_ORDER = 3;

  /** Takes the write right away from a leaf that has it. */
  static final long WRITE_DENIED = 1L << 50;

  @Override
  public int rootLevel() {
    return 3;
  }

  @Override
  public int entries(int level) {
    return 1 << LEVEL_BITS[level];
  }

  @Override
  public int index(long address, int level) {
    return (int) (address >>> Order.shift(LEAF_ORDER[level])) & entries(level) - 1;
  }

  @Override
  public int leafOrder(int level) {
    return LEAF_ORDER[level];
  }

  @Override
  public boolean leafAllowed(int level) {
    return level < 3;
  }

  @Override
  public int tableOrder(int level) {
    return TABLE_ORDER[level];
  }

  @Override
  public boolean isPresent(long entry) {
    return (entry & PRESENT) != 0;
  }

  @Override
  public boolean isLeaf(long entry, int level) {
    return isPresent(entry) && (decode(entry, level) & TABLE) == 0;
  }

  @Override
  public long pfn(long entry, int level) {
    return decode(entry, level) & Translation.PFN_MASK;
  }

  @Override
  public int protection(long entry, int level) {
    int denied = (entry & WRITE_DENIED) != 0 ? Protection.WRITE : 0;
    return (int) (decode(entry, level) >>> RIGHTS_SHIFT) & Protection.ALL & ~denied;
  }

  @Override
  public boolean isAccessed(long entry) {
    return (entry & ACCESSED) != 0;
  }

  @Override
  public boolean isDirty(long entry) {
    return (entry & DIRTY) != 0;
  }

  @Override
  public long leaf(long pfn, int level, int protection) {
    if (!leafAllowed(level) || (pfn & (1L << LEAF_ORDER[level]) - 1) != 0) {
      throw new IllegalArgumentException("no leaf of level " + level + " at pfn " + pfn);
    }
    return encode(pfn | (long) protection << RIGHTS_SHIFT, level);
  }

  @Override
  public long table(long tablePfn, int level) {
    if (level == 0 || (tablePfn & (1L << TABLE_ORDER[level - 1]) - 1) != 0) {
      throw new IllegalArgumentException("no table below level " + level + " at " + tablePfn);
    }
    return encode(tablePfn | TABLE, level);
  }

  @Override
  public int contiguousOrder(int level) {
    return level == 0 ? GROUP_ORDER : leafOrder(level);
  }

  @Override
  public long contiguousLeaf(long pfn, int level, int protection) {
    return leaf(pfn, level, protection) | GROUP;
  }

  /** Whether a leaf says that it belongs to a contiguous group. */
  public boolean isContiguous(long entry) {
    return (entry & GROUP) != 0;
  }

  /** A leaf as hardware leaves it after an access; for tests of aging and dirty logging. */
  public long touched(long entry, boolean written) {
    return entry | ACCESSED | (written ? DIRTY : 0);
  }

  private static long encode(long plain, int level) {
    int turn = 11 * level + 5;
    long turned = (plain << turn | plain >>> CODE_BITS - turn) & CODE_MASK;
    long code = turned ^ LEVEL_MASK[level];
    return code & 7 | (code & 0xfff8) << 1 | code >>> 16 << 18 | PRESENT;
  }

  private static long decode(long entry, int level) {
    long code = entry & 7 | entry >>> 1 & 0xfff8 | (entry >>> 18 & 0xfffffffL) << 16;
    long turned = code ^ LEVEL_MASK[level];
    int turn = 11 * level + 5;
    return (turned >>> turn | turned << CODE_BITS - turn) & CODE_MASK;
  }
}
