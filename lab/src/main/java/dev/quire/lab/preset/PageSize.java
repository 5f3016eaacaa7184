package dev.quire.lab.preset;

import dev.quire.mmu.Order;

/** Page sizes as people write them: {@code 4k}, {@code 2m}, {@code 1g}. */
public final class PageSize {
  private static final int LARGEST_ORDER = 35;
  private static final String UNITS = "kmgt";
  private static final int BITS_PER_UNIT = 10;
  private static final int MOST_DIGITS = 4;

  private PageSize() {}

  /** The order ({@link Order}) of a size; -1 if the text is none, or no power of two from 4k. */
  public static int parse(String text) {
    int last = text.length() - 1;
    int unit = last < 1 ? -1 : UNITS.indexOf(text.charAt(last));
    if (unit < 0 || last > MOST_DIGITS) {
      return -1;
    }
    int number = 0;
    for (int i = 0; i < last; i++) {
      int digit = text.charAt(i) - '0';
      if (digit < 0 || digit > 9) {
        return -1;
      }
      number = number * 10 + digit;
    }
    if (Integer.bitCount(number) != 1) {
      return -1;
    }
    int order =
        Integer.numberOfTrailingZeros(number) + (unit + 1) * BITS_PER_UNIT - Order.BASE_PAGE_SHIFT;
    return order > LARGEST_ORDER ? -1 : order;
  }

  /** The size of an order. */
  public static String text(int order) {
    int bits = Order.shift(order);
    int unit = bits / BITS_PER_UNIT - 1;
    return (1L << bits - (unit + 1) * BITS_PER_UNIT) + UNITS.substring(unit, unit + 1);
  }
}
