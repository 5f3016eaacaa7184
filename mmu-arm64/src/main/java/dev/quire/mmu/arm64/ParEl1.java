package dev.quire.mmu.arm64;

/**
 * PAR_EL1, the answer of an AT instruction. Source: Arm ARM DDI 0487, D19.2 PAR_EL1 and the
 * pseudocode AArch64.EncodePAR.
 *
 * <pre>
 *        63   56 55 52 51             12 11 10 9 8 7 6     1  0
 * F = 0 +-------+-----+-----------------+--+--+--+----+------+-+
 *       | ATTR  |  0  |    PA[51:12]    | 1| 0|NS| SH |   0  |0|
 *       +-------+-----+-----------------+--+--+--+----+------+-+
 * F = 1 +-------+-----+-----------------+--+--+--+---+-+-----+-+
 *       |       0     |        0        | 1| 0| S|PTW|0| FST |1|
 *       +-------+-----+-----------------+--+--+--+---+-+-----+-+
 * </pre>
 */
public final class ParEl1 {
  public static final long F = 1;
  public static final long PTW = 1L << 8;

  /** F = 1: the fault was in stage 2. F = 0: non-secure, always set here. */
  public static final long S = 1L << 9;

  public static final long NS = 1L << 9;
  public static final long RES1 = 1L << 11;
  private static final int FST_SHIFT = 1;
  private static final int SH_SHIFT = 7;
  private static final int ATTR_SHIFT = 56;
  private static final long PA_MASK = (1L << 52) - (1L << 12);

  private ParEl1() {}

  /**
   * A success.
   *
   * @param attributes the page's byte of MAIR_EL1
   * @param shareability the descriptor's SH; PAREncodeShareability makes device and non-cacheable
   *     memory outer shareable
   */
  static long success(long pa, int attributes, int shareability) {
    boolean device = MemoryAttributes.isDevice(attributes);
    boolean nonCacheable = attributes == MemoryAttributes.NON_CACHEABLE;
    long sh = device || nonCacheable ? MemoryAttributes.OUTER_SHAREABLE : shareability;
    return pa & PA_MASK | (long) attributes << ATTR_SHIFT | sh << SH_SHIFT | NS | RES1;
  }

  static long failure(long syndrome, boolean stage2, boolean tableWalk) {
    return F
        | (long) FaultStatus.code(syndrome) << FST_SHIFT
        | (stage2 ? S : 0)
        | (stage2 && tableWalk ? PTW : 0)
        | RES1;
  }

  public static boolean failed(long par) {
    return (par & F) != 0;
  }

  public static long pa(long par) {
    return par & PA_MASK;
  }

  /** The fault status code, as DFSC. */
  public static int faultStatus(long par) {
    return (int) (par >>> FST_SHIFT) & 0x3f;
  }
}
