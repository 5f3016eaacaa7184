package dev.quire.kvm.abi;

/** struct kvm_xsave: the standard form of an XSAVE area (SDM vol. 1, 13.4). Offsets in bytes. */
public final class KvmXsave {
  public static final int BYTES = 4096;

  public static final int FCW = 0;
  public static final int FSW = 2;
  public static final int FTW = 4;
  public static final int FOP = 6;
  public static final int FIP = 8;
  public static final int FDP = 16;
  public static final int MXCSR = 24;
  public static final int MXCSR_MASK = 28;

  /** Eight registers of 16 bytes, from the top of the stack. */
  public static final int ST = 32;

  /** Sixteen of 16 bytes. */
  public static final int XMM = 160;

  public static final int XSTATE_BV = 512;
  public static final int XCOMP_BV = 520;
  public static final int HEADER_RESERVED = 528;
  public static final int HEADER_END = 576;

  private KvmXsave() {}
}
