package dev.quire.mmu.arm64;

/**
 * VTCR_EL2. Source: Arm ARM DDI 0487, D19.2 VTCR_EL2.
 *
 * <pre>
 *  33  32 31..23  22 21 20 19 18..16 15 14 13 12 11 10 9  8 7   6 5    0
 * +---+--+-------+--+--+--+--+------+-----+-----+-----+----+-----+------+
 * |SL2|DS|  ..   |HD|HA| 0|VS|  PS  | TG0 | SH0 |ORGN0|IRGN| SL0 | T0SZ |
 * +---+--+-------+--+--+--+--+------+-----+-----+-----+----+-----+------+
 * </pre>
 *
 * HA, HD, DS and SL2 belong to {@link Arm64Features}.
 */
public final class VtcrEl2 {
  /** VMIDs have 16 bits, not 8. */
  public static final long VS = 1L << 19;

  public static final long HA = 1L << 21;
  public static final long HD = 1L << 22;
  public static final long DS = 1L << 32;
  public static final long SL2 = 1L << 33;

  private static final int T0SZ_MASK = 0x3f;
  private static final int SL0_SHIFT = 6;
  private static final int SH0_SHIFT = 12;
  private static final int TG0_SHIFT = 14;
  private static final int PS_SHIFT = 16;
  private static final int RESERVED_START = -2;
  private static final int LOG2_CONCATENATED_MAX = 4;

  private VtcrEl2() {}

  /** TG0; the reserved 0b11 means 64K, as for stage 1. */
  public static Granule granule(long vtcr) {
    return switch ((int) (vtcr >>> TG0_SHIFT) & 3) {
      case 0 -> Granule.SIZE_4K;
      case 2 -> Granule.SIZE_16K;
      default -> Granule.SIZE_64K;
    };
  }

  /** The bits of an IPA, 64 - T0SZ, T0SZ clamped as for stage 1. */
  public static int inputBits(long vtcr, boolean wide) {
    int least = wide ? TcrEl1.MIN_T_SZ_WIDE : TcrEl1.MIN_T_SZ;
    return Long.SIZE - Math.clamp(vtcr & T0SZ_MASK, least, TcrEl1.MAX_T_SZ);
  }

  static boolean ds(long vtcr) {
    return (vtcr & DS) != 0;
  }

  static int sh0(long vtcr) {
    return (int) (vtcr >>> SH0_SHIFT) & 3;
  }

  static int encodedOutputBits(long vtcr) {
    return (int) (vtcr >>> PS_SHIFT) & 7;
  }

  /** AArch64.PhysicalAddressSize of PS. */
  public static int outputBits(long vtcr, int implementedBits) {
    return TcrEl1.outputBitsOf(encodedOutputBits(vtcr), implementedBits);
  }

  /** AArch64.S2StartLevel; less than -1 for an encoding that means nothing without FEAT_TTST. */
  static int startLevel(long vtcr, Granule granule, boolean ds) {
    int sl0 = (int) (vtcr >>> SL0_SHIFT) & 3;
    if (granule != Granule.SIZE_4K) {
      return Granule.FINAL_LEVEL - sl0;
    }
    if (ds && (vtcr & SL2) != 0) {
      return sl0 == 0 ? -1 : RESERVED_START;
    }
    return sl0 == 3 ? RESERVED_START : 2 - sl0;
  }

  /** AArch64.S2InvalidSL: what the machine's addresses leave no use for, or is reserved. */
  static boolean invalidStart(Granule granule, boolean ds, int startLevel, int implementedBits) {
    if (granule == Granule.SIZE_4K) {
      return startLevel == RESERVED_START || startLevel == 0 && implementedBits < 44;
    }
    if (granule == Granule.SIZE_16K) {
      return startLevel == 0 && !ds || startLevel == 1 && implementedBits < 42;
    }
    return startLevel == 0 || startLevel == 1 && implementedBits < 44;
  }

  /** AArch64.S2InconsistentSL: up to 16 tables of the start level may be concatenated. */
  static boolean inconsistent(Granule granule, int startLevel, int inputBits) {
    int least = granule.shift(startLevel) + 1;
    int most = least + granule.indexBits() - 1 + LOG2_CONCATENATED_MAX;
    return inputBits < least || inputBits > most;
  }

  /** A VTCR_EL2 that translates {@code inputBits} of IPA from {@code startLevel}, 4 KiB. */
  public static long of(int inputBits, int startLevel, int encodedOutputBits) {
    return of(Granule.SIZE_4K, inputBits, startLevel, encodedOutputBits);
  }

  /**
   * The same for any granule. For level -1 it has SL2 and DS, and for level 0 of 16K DS.
   *
   * @param encodedOutputBits PS
   */
  public static long of(Granule granule, int inputBits, int startLevel, int encodedOutputBits) {
    boolean is4K = granule == Granule.SIZE_4K;
    long granuleBits = is4K ? 0 : granule == Granule.SIZE_16K ? 2 : 1;
    long start = startLevel < 0 ? 0 : (is4K ? 2 : Granule.FINAL_LEVEL) - startLevel;
    long wide = startLevel < 0 ? DS | SL2 : !is4K && startLevel == 0 ? DS : 0;
    return Long.SIZE - inputBits
        | (start & 3) << SL0_SHIFT
        | granuleBits << TG0_SHIFT
        | (long) encodedOutputBits << PS_SHIFT
        | wide;
  }
}
