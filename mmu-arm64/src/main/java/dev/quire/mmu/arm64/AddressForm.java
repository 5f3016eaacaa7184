package dev.quire.mmu.arm64;

/**
 * Where a descriptor keeps the bits of an address, for tables and leaves of both stages. Source:
 * Arm ARM DDI 0487, AArch64.NextTableBase and AArch64.LeafBase.
 *
 * <pre>
 *           address 51:50   49:48    47:12
 * BITS_48           0       0        47:12
 * LPA             15:14   13:12      47:16     64K granule
 * LPA2              9:8   49:48      47:12     4K and 16K, with DS; no SH field is left
 * </pre>
 */
enum AddressForm {
  BITS_48,
  LPA,
  LPA2;

  private static final int NARROW_BITS = 48;
  private static final int WIDE_BITS = 52;

  /**
   * The form of one stage.
   *
   * @param ds the stage's DS bit, if FEAT_LPA2 is there
   */
  static AddressForm of(Granule granule, boolean ds, Arm64Features features, int implementedBits) {
    if (granule == Granule.SIZE_64K) {
      return features.lpa() && implementedBits > NARROW_BITS ? LPA : BITS_48;
    }
    return ds ? LPA2 : BITS_48;
  }

  /** The output address of a leaf, or of a table of 2^shift bytes. */
  long address(long descriptor, int shift) {
    long low = VmsaDescriptor.address(descriptor, shift);
    if (this == BITS_48) {
      return low;
    }
    return this == LPA
        ? low | (descriptor >>> 12 & 15) << NARROW_BITS
        : low | descriptor & 3L << NARROW_BITS | (descriptor >>> 8 & 3) << 50;
  }

  boolean isWide() {
    return this != BITS_48;
  }

  /** The bits of an output address at most. */
  int bits() {
    return isWide() ? WIDE_BITS : NARROW_BITS;
  }

  /**
   * The base in TTBR0_EL1, TTBR1_EL1 or VTTBR_EL2 of a table of {@code 1 << log2TableBytes} bytes;
   * lower bits are RES0, ignored.
   *
   * @param wide bits 5:2 hold the address bits 51:48, and the table has at least 64 bytes
   */
  static long tableBase(long ttbr, int log2TableBytes, boolean wide) {
    long base = ttbr & (1L << NARROW_BITS) - 2;
    if (!wide) {
      return base & -1L << log2TableBytes;
    }
    long high = (ttbr >>> 2 & 15) << NARROW_BITS;
    return (base | high) & -1L << Math.max(log2TableBytes, 6);
  }
}
