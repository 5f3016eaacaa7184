package dev.quire.kvm.abi;

/** struct kvm_fpu. Offsets in bytes. */
public final class KvmFpu {
  public static final int BYTES = 416;

  public static final int FPR = 0;
  public static final int FCW = 128;
  public static final int FSW = 130;
  public static final int FTWX = 132;
  public static final int LAST_OPCODE = 134;
  public static final int LAST_IP = 136;
  public static final int LAST_DP = 144;
  public static final int XMM = 152;

  /** Neither read nor written by the kernel. */
  public static final int MXCSR = 408;

  private KvmFpu() {}
}
