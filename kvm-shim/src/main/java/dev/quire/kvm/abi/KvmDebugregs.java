package dev.quire.kvm.abi;

/** struct kvm_debugregs. Offsets in bytes. */
public final class KvmDebugregs {
  public static final int BYTES = 128;

  public static final int DB = 0;
  public static final int DR6 = 32;
  public static final int DR7 = 40;
  public static final int FLAGS = 48;

  private KvmDebugregs() {}
}
