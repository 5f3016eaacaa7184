package dev.quire.kvm.abi;

/** struct kvm_translation. Offsets in bytes. */
public final class KvmTranslation {
  public static final int BYTES = 24;

  public static final int LINEAR_ADDRESS = 0;
  public static final int PHYSICAL_ADDRESS = 8;
  public static final int VALID = 16;
  public static final int WRITEABLE = 17;
  public static final int USERMODE = 18;

  private KvmTranslation() {}
}
