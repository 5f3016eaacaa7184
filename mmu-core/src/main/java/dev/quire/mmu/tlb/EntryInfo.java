package dev.quire.mmu.tlb;

import dev.quire.mmu.Order;

/**
 * What an entry of a {@link TranslationCache} keeps beside its key and owner, packed into a long.
 *
 * <pre>
 *  63 61 60                20 19          14 13           8 7             0
 * +-----+--------------------+--------------+--------------+---------------+
 * |  0  | guest physical     | whole order  | stage-1      | pages covered |
 * |     | span               |              | extent       | of the eight  |
 * +-----+--------------------+--------------+--------------+---------------+
 * </pre>
 *
 * The stage-1 extent is the order of what the entry falls with: of the guest's own leaf, or of the
 * group it was made from. The whole order is what the entry would cover in an array that holds it
 * natively. The span is the guest physical page number of the second stage's part, twice, with a
 * one in the bit of its order, or 0 where no second stage had a part in the entry.
 */
final class EntryInfo {
  /** Every page of an aligned group of eight. */
  static final int ALL_PAGES = 0xff;

  static final long NO_SPAN = 0;

  private static final int GPN_BITS = 40;

  /** All of guest physical memory. */
  static final long EVERYWHERE = 1L << GPN_BITS;

  private static final int EXTENT_SHIFT = 8;
  private static final int WHOLE_SHIFT = 14;
  private static final int SPAN_SHIFT = 20;
  private static final int ORDER_MASK = 0x3f;
  private static final int EIGHT_PAGES_MASK = 7;

  /** All but the span. */
  static final int ORDERS_AND_PAGES = (1 << SPAN_SHIFT) - 1;

  private EntryInfo() {}

  /** What stands below the span of an entry that covers a page, falls with it and is no more. */
  static int ofWholePage(int order) {
    return order * (1 << EXTENT_SHIFT | 1 << WHOLE_SHIFT) + ALL_PAGES;
  }

  static long of(int pages, int stage1Extent, int wholeOrder, long span) {
    return pages
        | (long) stage1Extent << EXTENT_SHIFT
        | (long) wholeOrder << WHOLE_SHIFT
        | span << SPAN_SHIFT;
  }

  /** The span of the aligned {@code 1 << order} pages around an address. */
  static long span(long gpa, int order) {
    long gpn = gpa >>> Order.BASE_PAGE_SHIFT & (1L << GPN_BITS) - 1;
    return (gpn & -1L << order) << 1 | 1L << order;
  }

  static boolean covers(long info, long vpn) {
    return (info >>> (vpn & EIGHT_PAGES_MASK) & 1) != 0;
  }

  static int pages(long info) {
    return (int) info & ALL_PAGES;
  }

  static long withPages(long info, int pages) {
    return info & ~(long) ALL_PAGES | pages;
  }

  static int stage1Extent(long info) {
    return (int) info >>> EXTENT_SHIFT & ORDER_MASK;
  }

  static int wholeOrder(long info) {
    return (int) info >>> WHOLE_SHIFT & ORDER_MASK;
  }

  /** Whether its part of guest physical memory has a byte in the inclusive range. */
  static boolean meetsSpan(long info, long firstGpa, long lastGpa) {
    long span = info >>> SPAN_SHIFT;
    if (span == NO_SPAN) {
      return false;
    }
    int order = Long.numberOfTrailingZeros(span);
    long start = (span ^ 1L << order) >>> 1 << Order.BASE_PAGE_SHIFT;
    return Long.compareUnsigned(start, lastGpa) <= 0
        && Long.compareUnsigned(start | Order.offsetMask(order), firstGpa) >= 0;
  }
}
