package dev.quire.kvm.x86;

import dev.quire.emulator.vcpu.x86.MtrrLayout;
import dev.quire.emulator.vcpu.x86.X86Msr;

/**
 * The MTRRs as KVM keeps them: checked, without effect, all zero at reset (Linux v6.18
 * arch/x86/kvm/mtrr.c). VM thread only.
 */
final class MtrrState {
  private static final long DEFAULT_TYPE_RESERVED = ~0xcffL;
  private static final long BASE_RESERVED = 0xf00;
  private static final long MASK_RESERVED = 0x7ff;

  private final long[] variable = new long[MtrrLayout.VARIABLE];
  private final long[] fixed = new long[MtrrLayout.FIXED];
  private long defaultType;

  /** Of a number that {@link MtrrLayout#contains}. */
  long read(int msr) {
    return switch (msr) {
      case X86Msr.MTRR_CAP -> MtrrLayout.CAPABILITIES;
      case X86Msr.MTRR_DEFAULT_TYPE -> defaultType;
      default ->
          MtrrLayout.isVariable(msr)
              ? variable[MtrrLayout.variableIndex(msr)]
              : fixed[MtrrLayout.fixedIndex(msr)];
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
      if ((value & DEFAULT_TYPE_RESERVED) != 0 || !MtrrLayout.isType(value)) {
        return false;
      }
      defaultType = value;
      return true;
    }
    if (MtrrLayout.isVariable(msr)) {
      boolean base = (msr & 1) == 0;
      long reserved = reservedGpaBits | (base ? BASE_RESERVED : MASK_RESERVED);
      if (base && !MtrrLayout.isType(value) || (value & reserved) != 0) {
        return false;
      }
      variable[MtrrLayout.variableIndex(msr)] = value;
      return true;
    }
    int index = MtrrLayout.fixedIndex(msr);
    if (index < 0 || !MtrrLayout.areTypes(value)) {
      return false;
    }
    fixed[index] = value;
    return true;
  }
}
