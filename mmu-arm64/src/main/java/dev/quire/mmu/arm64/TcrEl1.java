package dev.quire.mmu.arm64;

/**
 * TCR_EL1. Source: Arm ARM DDI 0487, D19.2 TCR_EL1.
 *
 * <pre>
 *  63..60 59 58..55 54..53  52    51   50..43  42   41  40 39  38   37  36 35 34..32
 * +------+--+------+------+-----+-----+------+----+----+--+--+----+----+--+--+-----+
 * |   0  |DS|  0   | NFD  |TBID1|TBID0| HWU  |HPD1|HPD0|HD|HA|TBI1|TBI0|AS| 0| IPS |
 * +------+--+------+------+-----+-----+------+----+----+--+--+----+----+--+--+-----+
 *  31 30 29 28 27..24    23   22 21..16 15 14 13 12 11..8     7   6 5..0
 * +-----+-----+---------+----+--+------+-----+-----+---------+----+--+----+
 * | TG1 | SH1 |O/IRGN1  |EPD1|A1| T1SZ | TG0 | SH0 |O/IRGN0  |EPD0| 0|T0SZ|
 * +-----+-----+---------+----+--+------+-----+-----+---------+----+--+----+
 * </pre>
 *
 * The fields of the two halves are read with {@code half} 0 (TTBR0) or 1 (TTBR1). HA, HD and DS
 * belong to {@link Arm64Features}; NFD to SVE, which is not there.
 */
public final class TcrEl1 {
  public static final long A1 = 1L << 22;
  public static final long AS = 1L << 36;
  public static final long HA = 1L << 39;
  public static final long HD = 1L << 40;

  /** 52-bit addresses with the 4K and 16K granules. */
  public static final long DS = 1L << 59;

  private static final int[] T_SZ_SHIFT = {0, 16};
  private static final int[] EPD_SHIFT = {7, 23};
  private static final int TG0_SHIFT = 14;
  private static final int TG1_SHIFT = 30;
  private static final int IPS_SHIFT = 32;
  private static final int TBI_SHIFT = 37;
  private static final int HPD_SHIFT = 41;
  private static final int TBID_SHIFT = 51;
  private static final int T_SZ_MASK = 0x3f;

  /** Without FEAT_TTST a region has at least 25 bits; without 52-bit addresses at most 48. */
  static final int MAX_T_SZ = 39;

  static final int MIN_T_SZ = 16;
  static final int MIN_T_SZ_WIDE = 12;

  /** IPS and PS that mean 52 bits. */
  static final int OUTPUT_52 = 6;

  private static final int[] SH_SHIFT = {12, 28};
  private static final int[] OUTPUT_BITS = {32, 36, 40, 42, 44, 48, 52, 52};

  private TcrEl1() {}

  /**
   * The bits of the input address of a half, 64 - TxSZ. A TxSZ out of 16..39 (12..39 with 52-bit
   * addresses) is clamped, one of the choices of AArch64.S1TxSZFaults.
   */
  public static int inputBits(long tcr, int half, boolean wide) {
    int size = (int) (tcr >>> T_SZ_SHIFT[half]) & T_SZ_MASK;
    return Long.SIZE - Math.clamp(size, wide ? MIN_T_SZ_WIDE : MIN_T_SZ, MAX_T_SZ);
  }

  /** SH0 or SH1: with DS, the shareability of all pages of the half. */
  static int shareability(long tcr, int half) {
    return (int) (tcr >>> SH_SHIFT[half]) & 3;
  }

  static int encodedOutputBits(long tcr) {
    return (int) (tcr >>> IPS_SHIFT) & 7;
  }

  /** AArch64.S1DecodeTG0 and S1DecodeTG1; the reserved TG0 0b11 means 64K, TG1 0b00 means 4K. */
  public static Granule granule(long tcr, int half) {
    if (half == 0) {
      return switch ((int) (tcr >>> TG0_SHIFT) & 3) {
        case 0 -> Granule.SIZE_4K;
        case 2 -> Granule.SIZE_16K;
        default -> Granule.SIZE_64K;
      };
    }
    return switch ((int) (tcr >>> TG1_SHIFT) & 3) {
      case 1 -> Granule.SIZE_16K;
      case 3 -> Granule.SIZE_64K;
      default -> Granule.SIZE_4K;
    };
  }

  /** Walks of this half are disabled: every miss is a translation fault. */
  public static boolean epd(long tcr, int half) {
    return bit(tcr, EPD_SHIFT[half]);
  }

  /** The top byte of an address of this half is ignored. */
  public static boolean tbi(long tcr, int half) {
    return bit(tcr, TBI_SHIFT + half);
  }

  /** {@link #tbi} is for data accesses only. */
  public static boolean tbid(long tcr, int half) {
    return bit(tcr, TBID_SHIFT + half);
  }

  /** Hierarchical permissions of this half are disabled. */
  public static boolean hpd(long tcr, int half) {
    return bit(tcr, HPD_SHIFT + half);
  }

  /** TTBR1_EL1 holds the ASID, not TTBR0_EL1. */
  public static boolean a1(long tcr) {
    return (tcr & A1) != 0;
  }

  /** ASIDs have 16 bits, not 8. */
  public static boolean as(long tcr) {
    return (tcr & AS) != 0;
  }

  /** AArch64.PhysicalAddressSize of IPS: bits of an output address, limited by the machine's. */
  public static int outputBits(long tcr, int implementedBits) {
    return outputBitsOf(encodedOutputBits(tcr), implementedBits);
  }

  /** AArch64.PhysicalAddressSize; the reserved encoding 7 means 52, as 6. */
  static int outputBitsOf(int encoded, int implementedBits) {
    return Math.min(OUTPUT_BITS[encoded], implementedBits);
  }

  private static boolean bit(long tcr, int shift) {
    return (tcr >>> shift & 1) != 0;
  }
}
