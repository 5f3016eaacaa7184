package dev.quire.kvm.abi;

/** struct kvm_guest_debug of x86. Offsets in bytes. */
public final class KvmGuestDebug {
  public static final int BYTES = 72;

  public static final int CONTROL = 0;
  public static final int DEBUGREG = 8;

  private KvmGuestDebug() {}
}
