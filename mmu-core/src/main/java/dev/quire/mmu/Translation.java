package dev.quire.mmu;

/**
 * The answer of a walk or of an MMU, packed into a long.
 *
 * <pre>
 * success  63   61..56        55..50        49..43  42..40   39..0
 *         +---+-------------+-------------+-------+--------+-------+
 *         | 0 | stage1Order | order       |   0   | rights | pfn   |
 *         +---+-------------+-------------+-------+--------+-------+
 * failure  63   62..8                       7..0
 *         +---+----------------------------+------+
 *         | 1 |             0              | kind |
 *         +---+----------------------------+------+
 * </pre>
 *
 * {@code pfn} is that of the 4 KiB page asked for, not of the start of a larger page. {@code order}
 * is the effective one (the smaller of both stages), {@code stage1Order} that of the guest's own
 * leaf. {@code rights} ({@link Protection}) are those granted to this access: a right is left out
 * while using it must come back to the MMU (a store to a clean page). The details of a failure are
 * in the {@link FaultRecord} handed to the walk.
 */
public final class Translation {
  public static final int PFN_BITS = 40;
  public static final long PFN_MASK = (1L << PFN_BITS) - 1;
  private static final int RIGHTS_SHIFT = 40;
  private static final int ORDER_SHIFT = 50;
  private static final int STAGE1_ORDER_SHIFT = 56;
  private static final long ORDER_MASK = 0x3f;
  private static final long FAILURE = 1L << 63;

  private Translation() {}

  public static long of(long pfn, int rights, int order, int stage1Order) {
    return (pfn & PFN_MASK)
        | (long) rights << RIGHTS_SHIFT
        | (long) order << ORDER_SHIFT
        | (long) stage1Order << STAGE1_ORDER_SHIFT;
  }

  /** A failure of one of the kinds of {@link FaultRecord}. */
  public static long failure(int kind) {
    return FAILURE | kind;
  }

  public static boolean failed(long translation) {
    return translation < 0;
  }

  public static int kind(long failure) {
    return (int) (failure & 0xff);
  }

  public static long pfn(long translation) {
    return translation & PFN_MASK;
  }

  public static long pa(long translation) {
    return (translation & PFN_MASK) << Order.BASE_PAGE_SHIFT;
  }

  public static int rights(long translation) {
    return (int) (translation >>> RIGHTS_SHIFT) & Protection.ALL;
  }

  public static int order(long translation) {
    return (int) (translation >>> ORDER_SHIFT & ORDER_MASK);
  }

  public static int stage1Order(long translation) {
    return (int) (translation >>> STAGE1_ORDER_SHIFT & ORDER_MASK);
  }
}
