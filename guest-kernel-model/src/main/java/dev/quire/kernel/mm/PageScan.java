package dev.quire.kernel.mm;

/**
 * What PAGEMAP_SCAN is asked (struct pm_scan_arg, Linux v6.18 include/uapi/linux/fs.h): a page is
 * reported if its categories, those of {@code inverted} turned round, hold all of {@code mask} and,
 * unless that is 0, one of {@code anyOf}.
 *
 * @param start in bytes, page-aligned
 * @param end exclusive
 * @param flags {@link #WP_MATCHING}, {@link #CHECK_WPASYNC}
 * @param returned the categories to be told
 */
public record PageScan(
    long start, long end, int flags, long inverted, long mask, long anyOf, long returned) {
  /** PM_SCAN_WP_MATCHING: write-protect what is reported and was written to. */
  public static final int WP_MATCHING = 1;

  /** PM_SCAN_CHECK_WPASYNC: fail where pages cannot be write-protected. */
  public static final int CHECK_WPASYNC = 1 << 1;

  /** Categories: PAGE_IS_ of Linux. */
  public static final long WPALLOWED = 1;

  public static final long WRITTEN = 1 << 1;
  public static final long FILE = 1 << 2;
  public static final long PRESENT = 1 << 3;
  public static final long SWAPPED = 1 << 4;
  public static final long PFNZERO = 1 << 5;
  public static final long HUGE = 1 << 6;
  public static final long SOFT_DIRTY = 1 << 7;
  public static final long GUARD = 1 << 8;

  private static final long KNOWN = (1 << 9) - 1;

  /** Is told of runs of pages with the same categories. */
  public interface Visitor {
    void region(long start, long end, long categories);
  }

  boolean is(int flag) {
    return (flags & flag) != 0;
  }

  boolean isKnown() {
    return (flags & ~(WP_MATCHING | CHECK_WPASYNC)) == 0
        && ((inverted | mask | anyOf | returned) & ~KNOWN) == 0;
  }

  /** pagemap_scan_is_interesting_page. */
  boolean wants(long categories) {
    long seen = categories ^ inverted;
    return (seen & mask) == mask && (anyOf == 0 || (seen & anyOf) != 0);
  }

  /** Whether the mapping itself is ruled out by its categories. */
  boolean wantsMapping(long categories) {
    long required = mask & WPALLOWED;
    return ((categories ^ inverted) & required) == required;
  }

  /** Only pages written to are looked for: none entries count as written then. */
  boolean isPlainWritten() {
    return anyOf == 0 && inverted == 0 && mask == WRITTEN && returned == WRITTEN;
  }
}
