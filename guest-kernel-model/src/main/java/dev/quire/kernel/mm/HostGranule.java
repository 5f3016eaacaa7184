package dev.quire.kernel.mm;

import dev.quire.mmu.Order;

/**
 * The base page of a host kernel, and what follows from it; orders count 4 KiB pages ({@link
 * Order}). Source: Linux v6.18 Documentation/arch/arm64/hugetlbpage.rst (the table of block sizes
 * and contiguous groups); x86 has {@link #BASE_4K} and no contiguous bit.
 */
public enum HostGranule {
  BASE_4K("4k", Order.SIZE_4K, Order.SIZE_2M, Order.SIZE_64K, Order.SIZE_1G),
  /** 32 MiB blocks, contiguous groups of 128 pages, hugetlb 1 GiB made of 32 blocks. */
  BASE_16K("16k", Order.SIZE_16K, 13, Order.SIZE_2M, Order.SIZE_1G),
  /** 512 MiB blocks, contiguous groups of 32 pages; nothing of 1 GiB. */
  BASE_64K("64k", Order.SIZE_64K, 17, Order.SIZE_2M, 17);

  private final String text;
  private final int baseOrder;
  private final int pmdOrder;
  private final int contiguousOrder;
  private final int largestOrder;

  HostGranule(String text, int baseOrder, int pmdOrder, int contiguousOrder, int largestOrder) {
    this.text = text;
    this.baseOrder = baseOrder;
    this.pmdOrder = pmdOrder;
    this.contiguousOrder = contiguousOrder;
    this.largestOrder = largestOrder;
  }

  /** Of one base page. */
  public int baseOrder() {
    return baseOrder;
  }

  /** Of what one entry of the last but one level maps: the size of a transparent huge page. */
  public int pmdOrder() {
    return pmdOrder;
  }

  /** Of a group of last-level entries that carry arm64's contiguous bit. */
  public int contiguousOrder() {
    return contiguousOrder;
  }

  /** Of the largest page that can be had up to 1 GiB. */
  int largestOrder() {
    return largestOrder;
  }

  @Override
  public String toString() {
    return text;
  }
}
