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
 */
public final class VttbrEl2 {
  private static final int VMID_SHIFT = 48;
  private static final long BADDR_MASK = (1L << VMID_SHIFT) - 2;

  private VttbrEl2() {}

  public static int vmid(long vttbr) {
    return (int) (vttbr >>> VMID_SHIFT);
  }

  /** The pa of the (concatenated) start table of {@code 1 << log2TableBytes} bytes. */
  public static long tablePa(long vttbr, int log2TableBytes) {
    return vttbr & BADDR_MASK & -1L << log2TableBytes;
  }
}
