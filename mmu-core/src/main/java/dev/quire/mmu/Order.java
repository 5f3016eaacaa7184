package dev.quire.mmu;

/**
 * Sizes as orders: the base-2 logarithm of a number of 4 KiB base pages, as in Linux.
 *
 * <p>A 16 KiB page is order 2 and a 2 MiB page order 9 whatever the translation granule.
 */
public final class Order {
  public static final int BASE_PAGE_SHIFT = 12;
  public static final int SIZE_4K = 0;
  public static final int SIZE_16K = 2;
  public static final int SIZE_64K = 4;
  public static final int SIZE_2M = 9;
  public static final int SIZE_1G = 18;

  private Order() {}

  /** Bytes covered by one page of this order. */
  public static long bytes(int order) {
    return 1L << (BASE_PAGE_SHIFT + order);
  }

  /** The shift that turns an address into the number of its page of this order. */
  public static int shift(int order) {
    return BASE_PAGE_SHIFT + order;
  }

  /** Mask of the address bits inside a page of this order. */
  public static long offsetMask(int order) {
    return bytes(order) - 1;
  }
}
