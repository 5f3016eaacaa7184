package dev.quire.kvm.abi;

/** struct kvm_device_attr. Offsets in bytes. */
public final class KvmDeviceAttr {
  public static final int BYTES = 24;

  public static final int FLAGS = 0;
  public static final int GROUP = 4;
  public static final int ATTR = 8;
  public static final int ADDR = 16;

  private KvmDeviceAttr() {}
}
