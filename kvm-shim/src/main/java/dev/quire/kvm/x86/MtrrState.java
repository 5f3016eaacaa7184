package dev.quire.kvm.x86;

import dev.quire.emulator.vcpu.x86.X86Msr;

/**
 * The MTRRs as KVM keeps them: checked, without effect, all zero at reset (Linux v6.18
 * arch/x86/kvm/mtrr.c). VM thread only.
 */
final class MtrrState {
  private static final int VARIABLE = 16;
  private static final int FIXED = 11;

  /** Eight variable ranges, fixed ranges, write-combining. */
  private static final long CAPABILITIES = 0x508;

  private static final long DEFAULT_TYPE_RESERVED = ~0xcffL;
  private static final long BASE_RESERVED = 0xf00;
  private static final long MASK_RESERVED = 0x7ff;

  /** UC, WC, WT, WP, WB. */
  private static final int TYPES = 0x73;

  private final long[] variable = new long[VARIABLE];
  private final long[] fixed = new long[FIXED];
  private long defaultType;

  /** Whether the number is an MTRR's. */
  static boolean contains(int msr) {
    return msr == X86Msr.MTRR_CAP
        || msr == X86Msr.MTRR_DEFAULT_TYPE
        || isVariable(msr)
        || fixedIndex(msr) >= 0;
  }

  long read(int msr) {
    return switch (msr) {
      case X86Msr.MTRR_CAP -> CAPABILITIES;
      case X86Msr.MTRR_DEFAULT_TYPE -> defaultType;
      default ->
          isVariable(msr) ? variable[msr - X86Msr.MTRR_PHYSICAL_BASE_0] : fixed[fixedIndex(msr)];
    };
  }

  /**
   * Writes one.
   *
   * @param reservedGpaBits by the guest's MAXPHYADDR
   * @return false for #GP
   */
  boolean write(int msr, long value, long reservedGpaBits) {
    if (msr == X86Msr.MTRR_DEFAULT_TYPE) {
      if ((value & DEFAULT_TYPE_RESERVED) != 0 || !isType(value)) {
        return false;
      }
      defaultType = value;
      return true;
    }
    if (isVariable(msr)) {
      boolean base = (msr & 1) == 0;
      long reserved = reservedGpaBits | (base ? BASE_RESERVED : MASK_RESERVED);
      if (base && !isType(value) || (value & reserved) != 0) {
        return false;
      }
      variable[msr - X86Msr.MTRR_PHYSICAL_BASE_0] = value;
      return true;
    }
    int index = fixedIndex(msr);
    if (index < 0) {
      return false;
    }
    for (int shift = 0; shift < Long.SIZE; shift += Byte.SIZE) {
      if (!isType(value >>> shift)) {
        return false;
      }
    }
    fixed[index] = value;
    return true;
  }

  private static boolean isType(long value) {
    long type = value & 0xff;
    return type < 8 && (TYPES >>> type & 1) != 0;
  }

  private static boolean isVariable(int msr) {
    int index = msr - X86Msr.MTRR_PHYSICAL_BASE_0;
    return index >= 0 && index < VARIABLE;
  }

  private static int fixedIndex(int msr) {
    return switch (msr) {
      case X86Msr.MTRR_FIXED_64K -> 0;
      case X86Msr.MTRR_FIXED_16K_0 -> 1;
      case X86Msr.MTRR_FIXED_16K_1 -> 2;
      default ->
          msr >= X86Msr.MTRR_FIXED_4K_0 && msr <= X86Msr.MTRR_FIXED_4K_7
              ? 3 + msr - X86Msr.MTRR_FIXED_4K_0
              : -1;
    };
  }
}
