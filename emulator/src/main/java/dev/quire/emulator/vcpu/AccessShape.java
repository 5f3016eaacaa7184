package dev.quire.emulator.vcpu;

/**
 * The part of a data access that falls into the faulting page, packed: its address is the fault's,
 * or its offset in the page is told.
 *
 * <pre>
 *  63..22 21..10  9       8      7..0
 * +------+------+-------+------+-------+
 * |  0   |offset| write | read | bytes |
 * +------+------+-------+------+-------+
 * </pre>
 */
public final class AccessShape {
  public static final long UNKNOWN = 0;
  private static final int READ = 1 << 8;
  private static final int WRITE = 1 << 9;
  private static final int OFFSET_SHIFT = 10;
  private static final int MOST_BYTES = 0xff;
  private static final int PAGE_BYTES = 4096;

  private AccessShape() {}

  public static long of(int bytes, boolean read, boolean write) {
    return bytes | (read ? READ : 0) | (write ? WRITE : 0);
  }

  public static int bytes(long shape) {
    return (int) (shape & 0xff);
  }

  public static boolean reads(long shape) {
    return (shape & READ) != 0;
  }

  public static boolean writes(long shape) {
    return (shape & WRITE) != 0;
  }

  /** Where in its page the access begins, for one of {@link #inPage}. */
  public static int offset(long shape) {
    return (int) (shape >>> OFFSET_SHIFT) & PAGE_BYTES - 1;
  }

  /**
   * The shape, with its offset, of what an access of {@code bytes} at {@code va} does to the page
   * that holds {@code pageVa}; {@link #UNKNOWN} if that is nothing.
   */
  public static long inPage(long va, int bytes, long pageVa, boolean read, boolean write) {
    long start = va - (pageVa & -PAGE_BYTES);
    long from = Math.max(start, 0);
    long here = Math.min(start + bytes, PAGE_BYTES) - from;
    return here <= 0 || here > MOST_BYTES
        ? UNKNOWN
        : of((int) here, read, write) | from << OFFSET_SHIFT;
  }

  /**
   * The shape of an access of {@code bytes} at {@code va} whose fault was reported at {@code
   * faultVa}: what of it lies in the fault's page; {@link #UNKNOWN} beyond 255 bytes (FXSAVE).
   */
  public static long inFaultingPage(long va, int bytes, long faultVa, boolean read, boolean write) {
    long pageEnd = (faultVa | 0xfff) + 1;
    long end = Long.compareUnsigned(va + bytes, pageEnd) < 0 || pageEnd == 0 ? va + bytes : pageEnd;
    long here = end - faultVa;
    boolean describable = here > 0 && here <= Math.min(bytes, MOST_BYTES);
    return describable ? of((int) here, read, write) : UNKNOWN;
  }
}
