package dev.quire.mmu.arm64.oracle;

/**
 * What both stages read alike: sizes, and addresses in descriptors and base registers. As {@link
 * OracleVmsa}, by the Arm ARM's pseudocode.
 */
record OracleFormat(OracleVmsa.Features features, int paMax) {
  /** AArch64.PhysicalAddressSize, of IPS and of PS; 0b111 is reserved, 52 is our choice. */
  int physicalAddressSize(int encoded, boolean wide) {
    int size =
        switch (encoded) {
          case 0 -> 32;
          case 1 -> 36;
          case 2 -> 40;
          case 3 -> 42;
          case 4 -> 44;
          case 5 -> 48;
          default -> 52;
        };
    return Math.min(Math.min(size, paMax), wide ? 52 : 48);
  }

  /** TCR_EL1.DS or VTCR_EL2.DS, which the 64K granule ignores. */
  boolean ds(boolean bit, int granulebits) {
    return features.lpa2() && bit && granulebits != 16;
  }

  boolean lpa(int granulebits) {
    return granulebits == 16 && features.lpa() && paMax == 52;
  }

  /** AArch64.BlockDescSupported. */
  boolean blockDescSupported(int granulebits, boolean ds, int level) {
    return switch (granulebits) {
      case 12 -> level == 0 && ds || level == 1 || level == 2;
      case 14 -> level == 1 && ds || level == 2;
      default -> level == 1 && lpa(granulebits) || level == 2;
    };
  }

  /** AArch64.NextTableBase and AArch64.LeafBase: bits 51:48 of the address and those from lsb. */
  long descriptorAddress(long descriptor, int granulebits, boolean ds, int lsb) {
    long base = bits(descriptor, 47, lsb) << lsb;
    if (lpa(granulebits)) {
      base += bits(descriptor, 15, 12) << 48;
    } else if (ds) {
      base += bits(descriptor, 49, 48) << 48;
      base += bits(descriptor, 9, 8) << 50;
    }
    return base;
  }

  /** AArch64.S1TTBaseAddress and S2TTBaseAddress. */
  long tableBase(long ttbr, int granulebits, boolean ds, int ps, int tsize) {
    if (ds || lpa(granulebits) && ps == 6) {
      int aligned = Math.max(tsize, 6);
      long base = (bits(ttbr, 5, 2) << 48) + (bits(ttbr, 47, 6) << 6);
      return bits(base, 63, aligned) << aligned;
    }
    return bits(bits(ttbr, 47, 1) << 1, 63, tsize) << tsize;
  }

  static boolean oaOutOfRange(long address, int oasize) {
    for (int bit = oasize; bit < 56; bit++) {
      if (bits(address, bit) == 1) {
        return true;
      }
    }
    return false;
  }

  /** {@code value<hi:lo>}. */
  static long bits(long value, int hi, int lo) {
    if (hi < lo) {
      return 0;
    }
    int width = hi - lo + 1;
    long mask = width == 64 ? -1L : (1L << width) - 1;
    return value >>> lo & mask;
  }

  static long bits(long value, int bit) {
    return bits(value, bit, bit);
  }
}
