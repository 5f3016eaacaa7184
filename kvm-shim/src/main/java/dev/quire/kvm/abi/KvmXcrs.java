package dev.quire.kvm.abi;

/** struct kvm_xcrs. Offsets in bytes. */
public final class KvmXcrs {
  public static final int BYTES = 392;

  public static final int NR_XCRS = 0;
  public static final int FLAGS = 4;
  public static final int XCRS = 8;

  /** An entry: number, reserved, and the value 8 bytes on. */
  public static final int XCR_BYTES = 16;

  public static final int MAX_XCRS = 16;

  private KvmXcrs() {}
}
