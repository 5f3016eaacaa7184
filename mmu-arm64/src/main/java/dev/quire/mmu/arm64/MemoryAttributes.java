package dev.quire.mmu.arm64;

/**
 * Memory attributes and how both stages combine them: the stronger of two memory types, the lesser
 * of two cacheabilities, the larger of two shareability domains. They change nothing that a guest
 * or a count shows here but PAR_EL1; they are kept with a translation since pages of different
 * attributes never share a TLB entry. Source: Arm ARM DDI 0487, S2CombineS1MemAttrs (FEAT_S2FWB is
 * not there).
 *
 * <pre>
 *  stage 1: a byte of MAIR_EL1        stage 2: MemAttr[3:0]
 *  0000 dd00  device of kind dd       00 dd  device of kind dd
 *  oooo iiii  normal: outer, inner    oo ii  normal: 01 non-cacheable, 10 WT, 11 WB
 *  0100 NC, 00RW and 10RW WT, 01RW and 11RW WB
 * </pre>
 */
public final class MemoryAttributes {
  /** Normal memory, not cacheable, as a byte of MAIR_EL1. */
  public static final int NON_CACHEABLE = 0x44;

  static final int OUTER_SHAREABLE = 2;
  static final int INNER_SHAREABLE = 3;

  private static final int HALF_NON_CACHEABLE = 4;
  private static final int WRITE_THROUGH = 2;

  private MemoryAttributes() {}

  static boolean isDevice(int mair) {
    return (mair & 0xf0) == 0;
  }

  /** The combined attributes in the form of a byte of MAIR_EL1. */
  public static int combined(int mair, int memAttr) {
    boolean device2 = memAttr >>> 2 == 0;
    if (isDevice(mair) || device2) {
      int kind1 = isDevice(mair) ? mair >>> 2 & 3 : 3;
      int kind2 = device2 ? memAttr & 3 : 3;
      return Math.min(kind1, kind2) << 2;
    }
    return half(mair >>> 4, memAttr >>> 2) << 4 | half(mair & 15, memAttr & 3);
  }

  /** The inner or outer half: allocation hints stay those of stage 1. */
  private static int half(int half1, int half2) {
    if (half1 == HALF_NON_CACHEABLE || half2 <= 1) {
      return HALF_NON_CACHEABLE;
    }
    boolean writeThrough1 = (half1 & 4) == 0;
    return !writeThrough1 && half2 == WRITE_THROUGH ? 8 | half1 & 3 : half1;
  }

  /** The combined shareability, an SH field; 1 is reserved and means none. */
  public static int combinedShareability(int sh1, int sh2) {
    if (sh1 == OUTER_SHAREABLE || sh2 == OUTER_SHAREABLE) {
      return OUTER_SHAREABLE;
    }
    return sh1 == INNER_SHAREABLE || sh2 == INNER_SHAREABLE ? INNER_SHAREABLE : 0;
  }
}
