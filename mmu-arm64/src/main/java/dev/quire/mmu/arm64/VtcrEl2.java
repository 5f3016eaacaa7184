package dev.quire.mmu.arm64;

/**
 * VTCR_EL2 for the 4 KiB granule. Source: Arm ARM DDI 0487, D19.2 VTCR_EL2.
 *
 * <pre>
 *  31..23  22 21 20 19 18..16 15 14 13 12 11 10 9  8 7   6 5    0
 * +-------+--+--+--+--+------+-----+-----+-----+----+-----+------+
 * |  ..   |HD|HA| 0|VS|  PS  | TG0 | SH0 |ORGN0|IRGN| SL0 | T0SZ |
 * +-------+--+--+--+--+------+-----+-----+-----+----+-----+------+
 * </pre>
 */
public final class VtcrEl2 {
  public static final long HA = 1L << 21;
  public static final long HD = 1L << 22;

  private static final int T0SZ_MASK = 0x3f;
  private static final int SL0_SHIFT = 6;
  private static final int TG0_SHIFT = 14;
  private static final int PS_SHIFT = 16;
  private static final int MIN_T0SZ = 16;
  private static final int MAX_T0SZ = 39;
  private static final int MIN_BITS_FOR_LEVEL_0 = 44;
  private static final int LOG2_CONCATENATED_MAX = 4;

  private VtcrEl2() {}

  /** The bits of an IPA, 64 - T0SZ, T0SZ clamped to 16..39 as for stage 1. */
  public static int inputBits(long vtcr) {
    return Long.SIZE - Math.clamp(vtcr & T0SZ_MASK, MIN_T0SZ, MAX_T0SZ);
  }

  /** AArch64.S2StartLevel for 4 KiB: SL0 0, 1, 2 start at level 2, 1, 0; 3 is reserved (-1). */
  public static int startLevel(long vtcr) {
    return 2 - ((int) (vtcr >>> SL0_SHIFT) & 3);
  }

  public static boolean granuleIs4K(long vtcr) {
    return (vtcr >>> TG0_SHIFT & 3) == 0;
  }

  /** AArch64.PhysicalAddressSize of PS. */
  public static int outputBits(long vtcr, int implementedBits) {
    return TcrEl1.outputBitsOf((int) (vtcr >>> PS_SHIFT) & 7, implementedBits);
  }

  /**
   * AArch64.S2InvalidSL and S2InconsistentSL, and an IPA larger than the machine's addresses:
   * whether every walk is a level 0 translation fault. Up to 16 tables may be concatenated.
   */
  public static boolean inconsistent(long vtcr, int implementedBits) {
    int level = startLevel(vtcr);
    int bits = inputBits(vtcr);
    if (level < 0 || level == 0 && implementedBits < MIN_BITS_FOR_LEVEL_0) {
      return true;
    }
    int least = Granule.SIZE_4K.shift(level) + 1;
    int most = least + Granule.SIZE_4K.indexBits() - 1 + LOG2_CONCATENATED_MAX;
    return bits < least || bits > most || bits > implementedBits;
  }

  /** A VTCR_EL2 that translates {@code inputBits} of IPA from {@code startLevel}, 4 KiB. */
  public static long of(int inputBits, int startLevel, int encodedOutputBits) {
    return Long.SIZE - inputBits
        | (2L - startLevel) << SL0_SHIFT
        | (long) encodedOutputBits << PS_SHIFT;
  }
}
