package dev.quire.kvm.abi;

/** struct kvm_clock_data. Offsets in bytes. */
public final class KvmClockData {
  public static final int BYTES = 48;

  public static final int CLOCK = 0;
  public static final int FLAGS = 8;
  public static final int REALTIME = 16;
  public static final int HOST_TSC = 24;

  /** KVM_CLOCK_TSC_STABLE. */
  public static final int TSC_STABLE = 2;

  /** KVM_CLOCK_REALTIME. */
  public static final int REALTIME_VALID = 4;

  /** KVM_CLOCK_HOST_TSC. */
  public static final int HOST_TSC_VALID = 8;

  private KvmClockData() {}
}
