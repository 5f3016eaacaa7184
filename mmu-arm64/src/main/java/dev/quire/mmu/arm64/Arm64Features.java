package dev.quire.mmu.arm64;

/**
 * Optional features of the MMU, by their names in the Arm ARM. A guest learns of them by ID
 * registers, which the machine answers: it must not offer what is not here.
 *
 * @param hafdbs FEAT_HAFDBS: hardware sets the access flag and the dirty state, both stages
 * @param lva FEAT_LVA: 52-bit virtual addresses, 64K granule
 * @param lpa FEAT_LPA: 52-bit physical addresses, 64K granule
 * @param lpa2 FEAT_LPA2: 52-bit addresses, 4K and 16K granules, by TCR_EL1.DS and VTCR_EL2.DS
 */
public record Arm64Features(boolean hafdbs, boolean lva, boolean lpa, boolean lpa2) {
  /** What the machine offers its guests today. */
  public static final Arm64Features NONE = new Arm64Features(false, false, false, false);

  public static final Arm64Features ALL = new Arm64Features(true, true, true, true);

  private static final int NARROW_BITS = 48;
  private static final int WIDE_BITS = 52;

  /**
   * Checks the width of physical addresses.
   *
   * @throws IllegalArgumentException if it is not 32 to 48, or to 52 with FEAT_LPA or FEAT_LPA2
   */
  void checkPhysicalBits(int implementedBits) {
    int most = lpa || lpa2 ? WIDE_BITS : NARROW_BITS;
    if (implementedBits < 32 || implementedBits > most) {
      throw new IllegalArgumentException(
          "physical addresses of " + implementedBits + " bits: 32 to " + most + " are supported");
    }
  }
}
