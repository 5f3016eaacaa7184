package dev.quire.emulator.vcpu.x86;

/** Bits of RFLAGS, CR0, CR4 and EFER by the manual's names (SDM vol. 3A, 2.3, 2.5, 2.2.1). */
public final class X86Flags {
  public static final long RFLAGS_FIXED = 1L << 1;
  public static final long RFLAGS_TF = 1L << 8;
  public static final long RFLAGS_IF = 1L << 9;
  public static final long RFLAGS_NT = 1L << 14;
  public static final long RFLAGS_RF = 1L << 16;
  public static final long RFLAGS_VM = 1L << 17;
  public static final long RFLAGS_AC = 1L << 18;
  public static final int RFLAGS_IOPL_SHIFT = 12;

  public static final long CR0_PE = 1L;
  public static final long CR0_MP = 1L << 1;
  public static final long CR0_EM = 1L << 2;
  public static final long CR0_TS = 1L << 3;
  public static final long CR0_ET = 1L << 4;
  public static final long CR0_NE = 1L << 5;
  public static final long CR0_WP = 1L << 16;
  public static final long CR0_AM = 1L << 18;
  public static final long CR0_NW = 1L << 29;
  public static final long CR0_CD = 1L << 30;
  public static final long CR0_PG = 1L << 31;

  public static final long CR4_VME = 1L;
  public static final long CR4_PVI = 1L << 1;
  public static final long CR4_TSD = 1L << 2;
  public static final long CR4_DE = 1L << 3;
  public static final long CR4_PSE = 1L << 4;
  public static final long CR4_PAE = 1L << 5;
  public static final long CR4_MCE = 1L << 6;
  public static final long CR4_PGE = 1L << 7;
  public static final long CR4_PCE = 1L << 8;
  public static final long CR4_OSFXSR = 1L << 9;
  public static final long CR4_OSXMMEXCPT = 1L << 10;
  public static final long CR4_UMIP = 1L << 11;
  public static final long CR4_LA57 = 1L << 12;
  public static final long CR4_FSGSBASE = 1L << 16;
  public static final long CR4_PCIDE = 1L << 17;
  public static final long CR4_OSXSAVE = 1L << 18;
  public static final long CR4_SMEP = 1L << 20;
  public static final long CR4_SMAP = 1L << 21;

  public static final long EFER_SCE = 1L;
  public static final long EFER_LME = 1L << 8;
  public static final long EFER_LMA = 1L << 10;
  public static final long EFER_NXE = 1L << 11;

  private X86Flags() {}

  /** Whether an address is canonical for this CR4: 57 bits with LA57, else 48. */
  public static boolean isCanonical(long linear, long cr4) {
    int unused = (cr4 & CR4_LA57) != 0 ? 64 - 57 : 64 - 48;
    return linear << unused >> unused == linear;
  }
}
