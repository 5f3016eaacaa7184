package dev.quire.kvm.abi;

/** struct kvm_msr_filter. Offsets in bytes. */
public final class KvmMsrFilter {
  public static final int BYTES = 392;

  public static final int FLAGS = 0;
  public static final int RANGES = 8;
  public static final int MAX_RANGES = 16;
  public static final int RANGE_BYTES = 24;
  public static final int RANGE_FLAGS = 0;
  public static final int RANGE_NMSRS = 4;
  public static final int RANGE_BASE = 8;
  public static final int RANGE_BITMAP = 16;
  public static final int MAX_BITMAP_BYTES = 1536;

  private KvmMsrFilter() {}
}
