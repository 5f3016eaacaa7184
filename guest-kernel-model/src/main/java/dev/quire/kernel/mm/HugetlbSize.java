package dev.quire.kernel.mm;

import dev.quire.kernel.page.HugetlbPool;

/**
 * One size of hugetlb pages (struct hstate): where its entries stand in the page tables and the
 * pool its folios come from. Immutable but for the pool; used on the kernel's thread.
 */
public final class HugetlbSize {
  private final int order;
  private final int level;
  private final int entries;
  private final int pageShift;
  private final HugetlbPool pool;

  /**
   * @param order of a folio in base pages
   * @param level of its entries: 0 for PTEs, 1 for PMDs, 2 for PUDs
   * @param entries how many map one folio: more than one carry the contiguous bit
   */
  HugetlbSize(int order, int level, int entries, int pageShift, HugetlbPool pool) {
    this.order = order;
    this.level = level;
    this.entries = entries;
    this.pageShift = pageShift;
    this.pool = pool;
  }

  /** Of a folio, in base pages. */
  public int order() {
    return order;
  }

  /** Base pages of a folio. */
  public long pages() {
    return 1L << order;
  }

  public long bytes() {
    return 1L << shift();
  }

  int shift() {
    return order + pageShift;
  }

  /** Of the entries that map a folio. */
  public int level() {
    return level;
  }

  int entries() {
    return entries;
  }

  /** Free, reserved and surplus folios of this size. */
  public HugetlbPool pool() {
    return pool;
  }

  boolean isAligned(long address) {
    return (address & bytes() - 1) == 0;
  }

  long alignDown(long address) {
    return address & -bytes();
  }

  /** Rounded up; wraps as the kernel's ALIGN does. */
  long alignUp(long bytes) {
    return bytes + bytes() - 1 & -bytes();
  }
}
