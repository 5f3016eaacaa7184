package dev.quire.mmu.arm64;

/**
 * A stage-1 VMSAv8-64 descriptor of the EL1&0 regime. Source: Arm ARM DDI 0487, D8.3.
 *
 * <pre>
 *        63  62 61 60   59    58..55 54  53  52   51 50 49 48 47        m 11 10 9 8 7 6 5   4..2  1 0
 * leaf  +---+--------------+--------+---+---+----+---+--+-----+----------+--+--+---+-----+------+-+-+
 *       |   |    PBHA      |software|UXN|PXN|Cont|DBM|GP|  0  |  output  |nG|AF|SH | AP  | Attr |t|v|
 *       |   |              |        |   |   |    |   |  |     |  address |  |  |   |[2:1]| Indx | | |
 *       +---+--------------+--------+---+---+----+---+--+-----+----------+--+--+---+-----+------+-+-+
 * table +---+-------+-----+-------+-----------------------+--------------+------------------+---+-+
 *       |NS |APTable| UXN | PXN   |        ignored        | next table   |     ignored      | 1 |1|
 *       |   | [1:0] |Table| Table |                       |              |                  |   | |
 *       +---+-------+-----+-------+-----------------------+--------------+------------------+---+-+
 * </pre>
 *
 * {@code t} is 1 for a table, and for a page at level 3; 0 for a block. Bit 5 (NS) and bits that
 * are RES0 without FEAT_LPA are ignored.
 */
public final class VmsaDescriptor {
  public static final long VALID = 1L << 0;

  /** A table at levels 0 to 2; a page at level 3. */
  public static final long TABLE_OR_PAGE = 1L << 1;

  public static final int ATTR_INDEX_SHIFT = 2;

  /** AP[1]: EL0 may access. */
  public static final long AP_EL0 = 1L << 6;

  /** AP[2]: read-only. */
  public static final long AP_READ_ONLY = 1L << 7;

  public static final int SH_SHIFT = 8;
  public static final long SH_INNER = 3L << SH_SHIFT;
  public static final long AF = 1L << 10;
  public static final long NG = 1L << 11;
  public static final long DBM = 1L << 51;
  public static final long CONTIGUOUS = 1L << 52;
  public static final long PXN = 1L << 53;
  public static final long UXN = 1L << 54;
  public static final long PXN_TABLE = 1L << 59;
  public static final long UXN_TABLE = 1L << 60;

  /** APTable[0]: no access from EL0. */
  public static final long AP_TABLE_NO_EL0 = 1L << 61;

  /** APTable[1]: no write from any level. */
  public static final long AP_TABLE_READ_ONLY = 1L << 62;

  /** The bits of a table descriptor that limit what lies below it. */
  static final long HIERARCHICAL = PXN_TABLE | UXN_TABLE | AP_TABLE_NO_EL0 | AP_TABLE_READ_ONLY;

  private static final int ADDRESS_BITS = 48;

  private VmsaDescriptor() {}

  /** Bits 47 to {@code shift}: the output address of a leaf, or a table of 2^shift bytes. */
  static long address(long descriptor, int shift) {
    return descriptor & (1L << ADDRESS_BITS) - 1 & -1L << shift;
  }

  static int attrIndex(long descriptor) {
    return (int) (descriptor >>> ATTR_INDEX_SHIFT) & 7;
  }

  static int shareability(long descriptor) {
    return (int) (descriptor >>> SH_SHIFT) & 3;
  }
}
