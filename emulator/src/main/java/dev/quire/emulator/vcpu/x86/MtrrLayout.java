package dev.quire.emulator.vcpu.x86;

/**
 * Which MTRRs there are and what types they take (Intel SDM volume 3A, "Memory Type Range
 * Registers"): eight variable ranges, the fixed ranges, write-combining.
 */
public final class MtrrLayout {
  private static final int RANGES = 8;

  /** Registers of variable ranges: a base and a mask each. */
  public static final int VARIABLE = 2 * RANGES;

  public static final int FIXED = 11;

  /** IA32_MTRRCAP: the number of ranges, FIX and WC. */
  public static final long CAPABILITIES = RANGES | 1 << 8 | 1 << 10;

  /** UC 0, WC 1, WT 4, WP 5, WB 6, a bit each. */
  private static final int TYPES = 0x73;

  private static final int TYPE_MASK = 0xff;

  private MtrrLayout() {}

  /** Whether the number is an MTRR's. */
  public static boolean contains(int msr) {
    return msr == X86Msr.MTRR_CAP
        || msr == X86Msr.MTRR_DEFAULT_TYPE
        || isVariable(msr)
        || fixedIndex(msr) >= 0;
  }

  public static boolean isVariable(int msr) {
    int index = variableIndex(msr);
    return index >= 0 && index < VARIABLE;
  }

  /** Of a variable range's register: even for a base, odd for a mask. */
  public static int variableIndex(int msr) {
    return msr - X86Msr.MTRR_PHYSICAL_BASE_0;
  }

  /** Of a fixed range's register, or -1. */
  public static int fixedIndex(int msr) {
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

  /** Whether the low byte is a memory type. */
  public static boolean isType(long value) {
    long type = value & TYPE_MASK;
    return type < Byte.SIZE && (TYPES >>> type & 1) != 0;
  }

  /** Whether all eight bytes are memory types. */
  public static boolean areTypes(long value) {
    for (int shift = 0; shift < Long.SIZE; shift += Byte.SIZE) {
      if (!isType(value >>> shift)) {
        return false;
      }
    }
    return true;
  }
}
