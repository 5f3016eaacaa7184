package dev.quire.lab.stream;

import dev.quire.mmu.Access;

/**
 * One memory access in a long.
 *
 * <pre>
 *  63       62..47  46..2         1..0
 * +--------+-------+-------------+------+
 * | starts |   0   | va bits     | type |
 * +--------+-------+-------------+------+
 * </pre>
 *
 * {@code starts}: the first access of an instruction, so that instructions can be counted. The
 * lowest two bits of the address are lost; no cache of translations sees them. An access lies in
 * one 4 KiB page.
 */
public final class PackedAccess {
  /** The highest address: the lower half of a 48-bit address space, where x86 programs live. */
  public static final long HIGHEST_VA = (1L << 47) - 1;

  private static final long STARTS = 1L << 63;

  private PackedAccess() {}

  /**
   * @param type {@link Access#READ}, {@link Access#WRITE} or {@link Access#FETCH}
   */
  public static long of(long va, int type, boolean startsInstruction) {
    return va & ~(long) Access.TYPE_MASK | type | (startsInstruction ? STARTS : 0);
  }

  /** The address, its lowest two bits clear. */
  public static long va(long access) {
    return access & ~STARTS & ~(long) Access.TYPE_MASK;
  }

  /** The number of the 4 KiB page. */
  public static long vpn(long access) {
    return access << 1 >>> 13;
  }

  public static int type(long access) {
    return (int) access & Access.TYPE_MASK;
  }

  public static boolean startsInstruction(long access) {
    return access < 0;
  }
}
