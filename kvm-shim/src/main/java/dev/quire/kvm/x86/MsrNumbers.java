package dev.quire.kvm.x86;

/**
 * Numbers and fixed values of registers that KVM handles and the emulated machine does not have
 * (Linux v6.18 arch/x86/include/asm/msr-index.h, uapi/asm/kvm_para.h).
 */
final class MsrNumbers {
  static final int PLATFORM_ID = 0x17;
  static final int EBL_CR_POWERON = 0x2a;
  static final int EBC_FREQUENCY_ID = 0x2c;
  static final int SMI_COUNT = 0x34;
  static final int TSC_ADJUST = 0x3b;
  static final int SPEC_CTRL = 0x48;
  static final int PRED_CMD = 0x49;
  static final int UCODE_WRITE = 0x79;
  static final int SMBASE = 0x9e;
  static final int FSB_FREQUENCY = 0xcd;
  static final int ARCH_CAPABILITIES = 0x10a;
  static final int FLUSH_CMD = 0x10b;
  static final int BBL_CR_CTL3 = 0x11e;
  static final int MISC_FEATURES_ENABLES = 0x140;
  static final int MCG_CTL = 0x17b;
  static final int PERF_CTL = 0x199;
  static final int POWER_CTL = 0x1fc;
  static final int PERF_CAPABILITIES = 0x345;
  static final int K7_EVNTSEL0 = 0xc001_0000;
  static final int K7_HWCR = 0xc001_0015;
  static final int K7_CLK_CTL = 0xc001_001b;
  static final int MMIO_CONF_BASE = 0xc001_0058;
  static final int HSAVE_PA = 0xc001_0117;

  /** Intel's microcode revision is in the upper half. */
  static final long MICROCODE_RESET = 1L << 32;

  /** Branch trace storage and PEBS are not there. */
  static final long MISC_ENABLE_RESET = 1 << 11 | 1 << 12;

  /** The two above and performance monitoring. */
  static final long MISC_ENABLE_READ_ONLY = 1 << 7 | 1 << 11 | 1 << 12;

  static final long MISC_ENABLE_EMON = 1 << 7;
  static final long MISC_ENABLE_MWAIT = 1 << 18;

  /** Lock, VMX inside and outside SMX, SGX with and without launch control, LMCE. */
  static final long FEATURE_CONTROL_VALID = 7 | 1 << 17 | 1 << 18 | 1 << 20;

  static final long PERF_STATUS_VALUE = 1000 | 4L << 40;
  static final long HWCR_IGNORED = 0x40 | 0x100 | 0x8;
  static final long HWCR_KEPT = 1 << 18 | 1 << 24;

  private static final int P6_PERFCTR0 = 0xc1;
  private static final int P6_EVNTSEL0 = 0x186;
  private static final int K7_PERFCTR3 = 0xc001_0007;

  private MsrNumbers() {}

  static boolean isX2Apic(int msr) {
    return msr >>> 8 == 8;
  }

  /** Whether the register only ever reads as {@link #constant}. */
  static boolean isConstant(int msr) {
    return switch (msr) {
      case 0,
          1,
          PLATFORM_ID,
          EBL_CR_POWERON,
          EBC_FREQUENCY_ID,
          FSB_FREQUENCY,
          BBL_CR_CTL3,
          PERF_CTL,
          K7_CLK_CTL,
          MMIO_CONF_BASE,
          HSAVE_PA,
          // Last branch and last interrupt, from and to.
          0x1db,
          0x1dc,
          0x1dd,
          0x1de,
          // RAPL: units, package, DRAM, the two power planes.
          0x606,
          0x611,
          0x619,
          0x639,
          0x641,
          // AMD: SYSCFG, TSEG, interrupt-pending, NB, BU, DC, TW and EX configuration.
          0xc001_0010,
          0xc001_0112,
          0xc001_0113,
          0xc001_0055,
          0xc001_001f,
          0xc001_102a,
          0xc001_1022,
          0xc001_1023,
          0xc001_102c ->
          true;
      default -> isCounter(msr);
    };
  }

  /** Performance counters of processors before architectural ones, which count nothing. */
  private static boolean isCounter(int msr) {
    return msr - P6_PERFCTR0 >>> 1 == 0
        || msr - P6_EVNTSEL0 >>> 1 == 0
        || msr >= K7_EVNTSEL0 && msr <= K7_PERFCTR3;
  }

  static long constant(int msr) {
    return switch (msr) {
      case FSB_FREQUENCY -> 3;
      case EBC_FREQUENCY_ID -> 1 << 24;
      case BBL_CR_CTL3 -> 0xbe70_2111L;
      case K7_CLK_CTL -> 0x2000_0000;
      default -> 0;
    };
  }

  static boolean ignoresWrites(int msr) {
    return switch (msr) {
      case UCODE_WRITE,
          BBL_CR_CTL3,
          K7_CLK_CTL,
          HSAVE_PA,
          0xc001_001f,
          0xc001_0020,
          0xc001_102a,
          0xc001_1022,
          0xc001_1023,
          0xc001_102c ->
          true;
      default -> isCounter(msr);
    };
  }
}
