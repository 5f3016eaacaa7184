package dev.quire.mmu.x86;

import dev.quire.mmu.Order;
import dev.quire.mmu.Protection;
import dev.quire.mmu.PteFormat;

/**
 * The entries of 4-level and 5-level paging (SDM vol. 3A 4.5, tables 4-14 to 4-20, figure 4-11).
 *
 * <pre>
 *          63 62   52 51  M M-1            12 11    9  8  7  6  5   4   3   2   1   0
 *         +--+-------+-----+-----------------+-------+--+--+--+--+---+---+---+---+---+
 * PML5E   |XD|ignored|must | PML4 table      |ignored|ig|0 |ig|A |PCD|PWT|U/S|R/W| 1 |
 * PML4E   |XD|ignored|be 0 | PDP table       |ignored|ig|0 |ig|A |PCD|PWT|U/S|R/W| 1 |
 * PDPTE   |XD|ignored|     | page directory  |ignored|ig|0 |ig|A |PCD|PWT|U/S|R/W| 1 |
 *   1G    |XD|ignored|     | 30: page  0 |PAT|ignored|G |1 |D |A |PCD|PWT|U/S|R/W| 1 |
 * PDE     |XD|ignored|     | page table      |ignored|ig|0 |ig|A |PCD|PWT|U/S|R/W| 1 |
 *   2M    |XD|ignored|     | 21: page  0 |PAT|ignored|G |1 |D |A |PCD|PWT|U/S|R/W| 1 |
 * PTE 4K  |XD|ignored|     | page            |ignored|G |PT|D |A |PCD|PWT|U/S|R/W| 1 |
 *         +--+-------+-----+-----------------+-------+--+--+--+--+---+---+---+---+---+
 * absent  |                         ignored                                      | 0 |
 * </pre>
 *
 * M is the width of physical addresses. XD is reserved while IA32_EFER.NXE is clear. The bit of
 * large pages marked PAT is bit 12; in a PTE it is bit 7.
 *
 * <p>As a {@link PteFormat} it writes user-mode pages, cacheable, clean. Port levels count from 0
 * for the page table: one less than the manual's order used by {@link Ia32eWalker}.
 */
public final class Ia32ePte extends TableOf512 {
  /** Present. */
  public static final long P = 1L << 0;

  /** R/W: writes allowed. */
  public static final long RW = 1L << 1;

  /** U/S: user-mode accesses allowed. */
  public static final long US = 1L << 2;

  public static final long PWT = 1L << 3;
  public static final long PCD = 1L << 4;

  /** Accessed. */
  public static final long A = 1L << 5;

  /** Dirty, in leaves. */
  public static final long D = 1L << 6;

  /** Page size: a leaf, in a PDPTE or PDE. */
  public static final long PS = 1L << 7;

  /** Global, in leaves. */
  public static final long G = 1L << 8;

  /** The page-attribute bit of a 2 MiB or 1 GiB leaf. */
  public static final long PAT_LARGE = 1L << 12;

  /** Execute disable. */
  public static final long XD = 1L << 63;

  /** Bits 51:12, the address field. */
  public static final long ADDRESS = 0x000f_ffff_ffff_f000L;

  /** The format of 4-level paging. */
  public static final PteFormat FOUR_LEVEL = new Ia32ePte(PagingMode.FOUR_LEVEL);

  /** The format of 5-level paging. */
  public static final PteFormat FIVE_LEVEL = new Ia32ePte(PagingMode.FIVE_LEVEL);

  private Ia32ePte(PagingMode mode) {
    super(mode.rootLevel());
  }

  @Override
  public boolean isPresent(long entry) {
    return (entry & P) != 0;
  }

  @Override
  public boolean isLeaf(long entry, int level) {
    return isPresent(entry) && (level == 0 || (entry & PS) != 0);
  }

  @Override
  public long pfn(long entry, int level) {
    return pfn(entry, level, isLeaf(entry, level));
  }

  @Override
  public int protection(long entry, int level) {
    if (!isPresent(entry)) {
      return 0;
    }
    return Protection.READ
        | ((entry & RW) != 0 ? Protection.WRITE : 0)
        | ((entry & XD) == 0 ? Protection.EXEC : 0);
  }

  @Override
  public boolean isAccessed(long entry) {
    return (entry & A) != 0;
  }

  @Override
  public boolean isDirty(long entry) {
    return (entry & D) != 0;
  }

  /** A leaf; without any protection the entry is not present, since x86 cannot deny reads alone. */
  @Override
  public long leaf(long pfn, int level, int protection) {
    if (protection == 0) {
      return 0;
    }
    return pfn << Order.BASE_PAGE_SHIFT
        | P
        | US
        | (level > 0 ? PS : 0)
        | ((protection & Protection.WRITE) != 0 ? RW : 0)
        | ((protection & Protection.EXEC) == 0 ? XD : 0);
  }

  @Override
  public long table(long tablePfn, int level) {
    return tablePfn << Order.BASE_PAGE_SHIFT | P | US | RW;
  }
}
