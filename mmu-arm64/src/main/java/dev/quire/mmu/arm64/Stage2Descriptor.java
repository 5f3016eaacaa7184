package dev.quire.mmu.arm64;

import dev.quire.mmu.Protection;

/**
 * A stage-2 VMSAv8-64 descriptor. Source: Arm ARM DDI 0487, D8.3.
 *
 * <pre>
 *        63 62..59 58..55 54 53   52   51 50..48 47        m 11 10 9 8 7 6 5     2 1 0
 * leaf  +--+------+------+-----+----+---+------+------------+--+--+---+----+-------+-+-+
 *       |  | PBHA |softw.| XN  |Cont|DBM|  0   |   output   | 0|AF|SH |S2AP|MemAttr|t|v|
 *       |  |      |      |[1:0]|    |   |      |   address  |  |  |   |    | [3:0] | | |
 *       +--+------+------+-----+----+---+------+------------+--+--+---+----+-------+-+-+
 * </pre>
 *
 * A table descriptor has no attributes. Without FEAT_XNX only XN[1] (bit 54) counts, for both
 * exception levels.
 */
public final class Stage2Descriptor {
  public static final long VALID = 1L << 0;
  public static final long TABLE_OR_PAGE = 1L << 1;
  public static final int MEM_ATTR_SHIFT = 2;

  /** MemAttr 0b1111: normal memory, write-back. */
  public static final long MEM_ATTR_NORMAL = 0xfL << MEM_ATTR_SHIFT;

  public static final long S2AP_READ = 1L << 6;
  public static final long S2AP_WRITE = 1L << 7;
  public static final long SH_INNER = 3L << 8;
  public static final long AF = 1L << 10;
  public static final long DBM = 1L << 51;
  public static final long CONTIGUOUS = 1L << 52;
  public static final long XN = 1L << 54;

  private Stage2Descriptor() {}

  /** AArch64.S2DirectBasePermissions. */
  static int rights(long descriptor) {
    return ((descriptor & S2AP_READ) != 0 ? Protection.READ : 0)
        | ((descriptor & S2AP_WRITE) != 0 ? Protection.WRITE : 0)
        | ((descriptor & XN) == 0 ? Protection.EXEC : 0);
  }
}
