package dev.quire.mmu.arm64;

/**
 * VTTBR_EL2. Source: Arm ARM DDI 0487, D19.2 VTTBR_EL2.
 *
 * <pre>
 *  63        48 47                                  1   0
 * +------------+-------------------------------------+-----+
 * |    VMID    |                BADDR                | CnP |
 * +------------+-------------------------------------+-----+
 * </pre>
 *
 * The base is decoded by {@link AddressForm#tableBase}.
 */
public final class VttbrEl2 {
  private static final int VMID_SHIFT = 48;
  private static final int SHORT_VMID_MASK = 0xff;

  private VttbrEl2() {}

  /**
   * @param sixteenBits VTCR_EL2.VS
   */
  public static int vmid(long vttbr, boolean sixteenBits) {
    int vmid = (int) (vttbr >>> VMID_SHIFT);
    return sixteenBits ? vmid : vmid & SHORT_VMID_MASK;
  }
}
