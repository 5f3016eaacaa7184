package dev.quire.kvm.abi;

/** struct kvm_msrs: a header and entries. Offsets in bytes. */
public final class KvmMsrs {
  public static final int BYTES = 8;

  public static final int NMSRS = 0;
  public static final int ENTRY_BYTES = 16;
  public static final int ENTRY_INDEX = 0;
  public static final int ENTRY_DATA = 8;

  private KvmMsrs() {}
}
