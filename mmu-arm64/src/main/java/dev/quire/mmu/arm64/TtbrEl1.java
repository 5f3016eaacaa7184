package dev.quire.mmu.arm64;

/**
 * TTBR0_EL1 and TTBR1_EL1. Source: Arm ARM DDI 0487, D19.2 TTBR0_EL1.
 *
 * <pre>
 *  63        48 47                                  1   0
 * +------------+-------------------------------------+-----+
 * |    ASID    |                BADDR                | CnP |
 * +------------+-------------------------------------+-----+
 * </pre>
 *
 * The base is decoded by {@link AddressForm#tableBase}.
 */
public final class TtbrEl1 {
  private static final int ASID_SHIFT = 48;
  private static final int SHORT_ASID_MASK = 0xff;

  private TtbrEl1() {}

  /**
   * @param sixteenBits TCR_EL1.AS
   */
  public static int asid(long ttbr, boolean sixteenBits) {
    int asid = (int) (ttbr >>> ASID_SHIFT);
    return sixteenBits ? asid : asid & SHORT_ASID_MASK;
  }
}
