package dev.quire.kvm.x86;

import dev.quire.emulator.vcpu.x86.X86Msr;

/** Registers that say what the host can do: KVM_GET_MSRS on /dev/kvm. */
final class FeatureMsrs {
  /**
   * IA32_ARCH_CAPABILITIES: not vulnerable to Meltdown, L1TF, speculative store bypass, MDS,
   * page-size-change machine checks and TSX asynchronous abort.
   */
  static final long ARCH_CAPABILITIES_VALUE = 1 | 1 << 3 | 1 << 4 | 1 << 5 | 1 << 6 | 1 << 8;

  /** MSR_PLATFORM_INFO: CPUID can be made to fault. */
  static final long PLATFORM_INFO_VALUE = 1L << 31;

  private static final int[] ALL = {
    X86Msr.BIOS_UPDATE_ID,
    MsrNumbers.ARCH_CAPABILITIES,
    MsrNumbers.PERF_CAPABILITIES,
    X86Msr.PLATFORM_INFO
  };

  private FeatureMsrs() {}

  /** KVM_GET_MSR_FEATURE_INDEX_LIST. */
  static int[] all() {
    return ALL.clone();
  }

  static boolean contains(int msr) {
    for (int each : ALL) {
      if (each == msr) {
        return true;
      }
    }
    return false;
  }

  /** Whether the register is part of a vCPU's model, frozen once it has run. */
  static boolean isImmutable(int msr) {
    return contains(msr) && msr != X86Msr.BIOS_UPDATE_ID;
  }

  static long value(int msr) {
    return switch (msr) {
      case X86Msr.BIOS_UPDATE_ID -> MsrNumbers.MICROCODE_RESET;
      case MsrNumbers.ARCH_CAPABILITIES -> ARCH_CAPABILITIES_VALUE;
      case X86Msr.PLATFORM_INFO -> PLATFORM_INFO_VALUE;
      default -> 0;
    };
  }
}
