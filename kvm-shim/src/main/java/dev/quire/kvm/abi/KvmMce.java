package dev.quire.kvm.abi;

/** struct kvm_x86_mce. Offsets in bytes. */
public final class KvmMce {
  public static final int BYTES = 64;

  public static final int STATUS = 0;
  public static final int ADDR = 8;
  public static final int MISC = 16;
  public static final int MCG_STATUS = 24;
  public static final int BANK = 32;

  private KvmMce() {}
}
