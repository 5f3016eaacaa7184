package dev.quire.mmu.x86;

/**
 * The paging modes and their geometry (SDM vol. 3A 4.1.1, table 4-1). The walk is the same in all;
 * only these numbers and the reserved bits ({@link PagingRegime}) differ.
 *
 * <p>Levels have the manual's order: 1 is the page table, 2 the page directory, 3 the
 * page-directory-pointer table, 4 the PML4, 5 the PML5.
 */
public enum PagingMode {
  /** CR0.PG = 0: a linear address is a physical address. */
  NONE(0, 0, 0, 32),

  /** Two levels of 4-byte entries (4.3). */
  BITS_32(2, 10, 4, 32),

  /** Two levels below four PDPTE registers (4.4). */
  PAE(2, 9, 8, 32),

  /** 4-level paging (4.5). */
  FOUR_LEVEL(4, 9, 8, 48),

  /** 5-level paging (4.5). */
  FIVE_LEVEL(5, 9, 8, 57);

  private final int rootLevel;
  private final int indexBits;
  private final int entryBytes;
  private final int linearBits;

  PagingMode(int rootLevel, int indexBits, int entryBytes, int linearBits) {
    this.rootLevel = rootLevel;
    this.indexBits = indexBits;
    this.entryBytes = entryBytes;
    this.linearBits = linearBits;
  }

  /** The level of the first table in memory; 0 without paging. */
  public int rootLevel() {
    return rootLevel;
  }

  /** Address bits translated per level. */
  public int indexBits() {
    return indexBits;
  }

  public int entryBytes() {
    return entryBytes;
  }

  /** The width of a linear address: canonical form above it, or truncation to 32. */
  public int linearBits() {
    return linearBits;
  }

  /** Whether linear addresses are 64 bits wide and must be canonical. */
  public boolean isIa32e() {
    return linearBits > 32;
  }
}
