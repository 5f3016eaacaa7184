package dev.quire.emulator.vcpu.x86;

/** Numbers of model-specific registers (SDM vol. 4, table 2-2). */
public final class X86Msr {
  public static final int TSC = 0x10;
  public static final int APIC_BASE = 0x1b;
  public static final int FEATURE_CONTROL = 0x3a;
  public static final int BIOS_UPDATE_ID = 0x8b;
  public static final int PLATFORM_INFO = 0xce;
  public static final int MTRR_CAP = 0xfe;
  public static final int SYSENTER_CS = 0x174;
  public static final int SYSENTER_ESP = 0x175;
  public static final int SYSENTER_EIP = 0x176;
  public static final int MCG_CAP = 0x179;
  public static final int MCG_STATUS = 0x17a;
  public static final int PERF_STATUS = 0x198;
  public static final int MISC_ENABLE = 0x1a0;
  public static final int DEBUG_CONTROL = 0x1d9;
  public static final int MTRR_PHYSICAL_BASE_0 = 0x200;
  public static final int MTRR_FIXED_64K = 0x250;
  public static final int MTRR_FIXED_16K_0 = 0x258;
  public static final int MTRR_FIXED_16K_1 = 0x259;
  public static final int MTRR_FIXED_4K_0 = 0x268;
  public static final int MTRR_FIXED_4K_7 = 0x26f;
  public static final int PAT = 0x277;
  public static final int MTRR_DEFAULT_TYPE = 0x2ff;
  public static final int TSC_DEADLINE = 0x6e0;
  public static final int EFER = 0xc000_0080;
  public static final int STAR = 0xc000_0081;
  public static final int LSTAR = 0xc000_0082;
  public static final int CSTAR = 0xc000_0083;
  public static final int FMASK = 0xc000_0084;
  public static final int FS_BASE = 0xc000_0100;
  public static final int GS_BASE = 0xc000_0101;
  public static final int KERNEL_GS_BASE = 0xc000_0102;
  public static final int TSC_AUX = 0xc000_0103;

  private X86Msr() {}
}
