package dev.quire.mmu.arm64;

/**
 * HPFAR_EL2, the IPA of a stage-2 fault. Source: Arm ARM DDI 0487, D19.2 HPFAR_EL2.
 *
 * <pre>
 *  63 62    44 43                        4 3   0
 * +--+--------+---------------------------+-----+
 * |NS|   0    |        FIPA[51:12]        |  0  |
 * +--+--------+---------------------------+-----+
 * </pre>
 */
public final class HpfarEl2 {
  private static final int FIPA_SHIFT = 4;
  private static final int PAGE_SHIFT = 12;

  private HpfarEl2() {}

  /** The register for a fault at {@code ipa}. */
  public static long of(long ipa) {
    return ipa >>> PAGE_SHIFT << FIPA_SHIFT;
  }

  /** The page at fault. */
  public static long ipa(long hpfar) {
    return hpfar >>> FIPA_SHIFT << PAGE_SHIFT;
  }
}
