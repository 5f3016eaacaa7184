package dev.quire.bindings;

/** Unicorn's x86 register numbers ({@code uc_x86_reg}). */
public final class X86Reg {
  public static final int RAX = 35;
  public static final int RBP = 36;
  public static final int RBX = 37;
  public static final int RCX = 38;
  public static final int RDI = 39;
  public static final int RDX = 40;
  public static final int RIP = 41;
  public static final int RSI = 43;
  public static final int RSP = 44;
  public static final int R8 = 106;
  public static final int R9 = 107;
  public static final int R10 = 108;
  public static final int R11 = 109;
  public static final int R12 = 110;
  public static final int R13 = 111;
  public static final int R14 = 112;
  public static final int R15 = 113;

  public static final int CS = 11;
  public static final int DS = 17;
  public static final int ES = 28;
  public static final int FS = 32;
  public static final int GS = 33;
  public static final int SS = 49;
  public static final int FS_BASE = 250;
  public static final int GS_BASE = 251;

  public static final int FPSW = 31;
  public static final int CR0 = 50;
  public static final int CR2 = 52;
  public static final int CR3 = 53;
  public static final int CR4 = 54;
  public static final int CR8 = 58;
  public static final int DR0 = 66;
  public static final int DR6 = 72;
  public static final int DR7 = 73;

  public static final int FP0 = 82;
  public static final int XMM0 = 122;
  public static final int IDTR = 242;
  public static final int GDTR = 243;
  public static final int LDTR = 244;
  public static final int TR = 245;
  public static final int FPCW = 246;
  public static final int FPTAG = 247;
  public static final int MSR = 248;
  public static final int MXCSR = 249;
  public static final int RFLAGS = 253;
  public static final int FIP = 254;
  public static final int FCS = 255;
  public static final int FDP = 256;
  public static final int FDS = 257;
  public static final int FOP = 258;

  private static final int[] GPR_IN_HARDWARE_ORDER = {
    RAX, RCX, RDX, RBX, RSP, RBP, RSI, RDI, R8, R9, R10, R11, R12, R13, R14, R15
  };

  private X86Reg() {}

  /** The register number of general register {@code index} as instructions encode it (0 = RAX). */
  public static int gpr(int index) {
    return GPR_IN_HARDWARE_ORDER[index];
  }

  /** The register number of x87 data register {@code index}, 0 to 7, where TOP points nowhere. */
  public static int fp(int index) {
    return FP0 + java.util.Objects.checkIndex(index, 8);
  }

  /** The register number of XMM register {@code index}, 0 to 15. */
  public static int xmm(int index) {
    return XMM0 + java.util.Objects.checkIndex(index, 16);
  }
}
