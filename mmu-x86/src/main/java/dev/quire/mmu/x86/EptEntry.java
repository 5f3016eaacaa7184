package dev.quire.mmu.x86;

import dev.quire.mmu.Order;
import dev.quire.mmu.Protection;
import dev.quire.mmu.PteFormat;

/**
 * The entries of extended page tables (SDM vol. 3C 28.3.2, tables 28-1 to 28-6, figure 28-1).
 *
 * <pre>
 *         63   52 51 N N-1              12 11 10  9  8  7  6   5   3  2  1  0
 *        +-------+----+-------------------+--+---+--+--+--+---+-----+--+--+--+
 * PML4E  |ignored| 0  | PDP table         |ig|ig |ig|A |0 | 0 |  0  |X |W |R |
 * PDPTE  |ignored| 0  | page directory    |ig|ig |ig|A |0 | 0 |  0  |X |W |R |
 *   1G   |ignored| 0  | 30: page        0 |ig|ig |D |A |1 |IPT|type |X |W |R |
 * PDE    |ignored| 0  | page table        |ig|ig |ig|A |0 | 0 |  0  |X |W |R |
 *   2M   |ignored| 0  | 21: page        0 |ig|ig |D |A |1 |IPT|type |X |W |R |
 * PTE 4K |ignored| 0  | page              |ig|ig |D |A |ig|IPT|type |X |W |R |
 *        +-------+----+-------------------+--+---+--+--+--+---+-----+--+--+--+
 * absent |                        ignored                        | 0| 0| 0|
 * </pre>
 *
 * N is the width of physical addresses. With mode-based execute control X is for supervisor pages
 * and bit 10, ignored without it, for user pages. A PML5E is as a PML4E. Execute-only entries are
 * supported.
 *
 * <p>Port levels count from 0, one less than the manual's order used by {@link EptWalker}.
 */
public final class EptEntry extends TableOf512 {
  public static final long READ = 1L << 0;
  public static final long WRITE = 1L << 1;
  public static final long EXECUTE = 1L << 2;
  public static final long RIGHTS = READ | WRITE | EXECUTE;

  /** Ignore the guest's PAT. */
  public static final long IGNORE_PAT = 1L << 6;

  /** A leaf, in a PDPTE or PDE. */
  public static final long PS = 1L << 7;

  /** Accessed. */
  public static final long A = 1L << 8;

  /** Dirty, in leaves. */
  public static final long D = 1L << 9;

  /** With mode-based execute control: fetches from user-mode linear addresses. */
  public static final long USER_EXECUTE = 1L << 10;

  /** Memory type write-back, as it stands in {@link Eptp} and, shifted, in a leaf. */
  public static final int WRITE_BACK = 6;

  /** The format of 4-level EPT. */
  public static final PteFormat FOUR_LEVEL = new EptEntry(4);

  /** The format of 5-level EPT. */
  public static final PteFormat FIVE_LEVEL = new EptEntry(5);

  static final int LARGEST_LEAF_LEVEL = 3;
  private static final int TYPE_SHIFT = 3;
  private static final int TYPE_MASK = 7;
  private static final long TABLE_RESERVED = 0x78;
  private static final int RESERVED_TYPES = 1 << 2 | 1 << 3 | 1 << 7;

  private EptEntry(int levels) {
    super(levels);
  }

  /** The memory type of a leaf. */
  public static int memoryType(long entry) {
    return (int) (entry >>> TYPE_SHIFT) & TYPE_MASK;
  }

  /** Whether an entry of this level (manual's order) maps a page. */
  static boolean mapsPage(long entry, int level) {
    return level == 1 || level <= LARGEST_LEAF_LEVEL && (entry & PS) != 0;
  }

  /** Whether a present entry is an EPT misconfiguration (SDM 28.3.3.1). */
  static boolean isMisconfigured(long entry, int level, int physicalAddressBits) {
    if ((entry & (READ | WRITE)) == WRITE) {
      return true;
    }
    if ((entry & Ia32ePte.ADDRESS) >>> physicalAddressBits != 0) {
      return true;
    }
    if (!mapsPage(entry, level)) {
      return (entry & (TABLE_RESERVED | PS)) != 0;
    }
    long pageOffset = Order.offsetMask(INDEX_BITS * (level - 1)) & Ia32ePte.ADDRESS;
    return (entry & pageOffset) != 0 || (RESERVED_TYPES >>> memoryType(entry) & 1) != 0;
  }

  @Override
  public boolean isPresent(long entry) {
    return (entry & RIGHTS) != 0;
  }

  @Override
  public boolean isLeaf(long entry, int level) {
    return isPresent(entry) && mapsPage(entry, level + 1);
  }

  @Override
  public long pfn(long entry, int level) {
    return pfn(entry, level, isLeaf(entry, level));
  }

  /** EPT's R, W, X stand where {@link Protection} has them. */
  @Override
  public int protection(long entry, int level) {
    return (int) (entry & RIGHTS);
  }

  @Override
  public boolean isAccessed(long entry) {
    return (entry & A) != 0;
  }

  @Override
  public boolean isDirty(long entry) {
    return (entry & D) != 0;
  }

  /** A write-back leaf. WRITE without READ is a misconfiguration and is refused. */
  @Override
  public long leaf(long pfn, int level, int protection) {
    if ((protection & (Protection.READ | Protection.WRITE)) == Protection.WRITE) {
      throw new IllegalArgumentException("EPT has no write-only pages");
    }
    if (protection == 0) {
      return 0;
    }
    return pfn << Order.BASE_PAGE_SHIFT
        | (long) WRITE_BACK << TYPE_SHIFT
        | (level > 0 ? PS : 0)
        | protection;
  }

  @Override
  public long table(long tablePfn, int level) {
    return tablePfn << Order.BASE_PAGE_SHIFT | RIGHTS;
  }
}
