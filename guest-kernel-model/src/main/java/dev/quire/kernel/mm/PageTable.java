package dev.quire.kernel.mm;

import dev.quire.kernel.contpte.PteTable;

/**
 * One page of a process's page tables: its entries as hardware reads them, and beside those of
 * upper levels the tables they point to.
 */
final class PageTable implements PteTable {
  /** In the architecture's format; 0 is none. */
  final long[] entries;

  /**
   * What the entries point to, null at level 0. Beside a leaf of level 1 stands the table that was
   * deposited for its split, if any.
   */
  final PageTable[] below;

  /** The base page that holds the table. */
  final long frame;

  /** 0 for a table of base pages. */
  final int level;

  private final int mm;
  private long address;

  PageTable(int level, int entries, long frame, int mm) {
    this.level = level;
    this.entries = new long[entries];
    this.below = level == 0 ? null : new PageTable[entries];
    this.frame = frame;
    this.mm = mm;
  }

  @Override
  public long[] entries() {
    return entries;
  }

  @Override
  public long address() {
    return address;
  }

  @Override
  public int mm() {
    return mm;
  }

  void setAddress(long first) {
    address = first;
  }
}
