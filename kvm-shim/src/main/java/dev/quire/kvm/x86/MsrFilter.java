package dev.quire.kvm.x86;

/**
 * Which model-specific registers the guest reaches without user space (KVM_X86_SET_MSR_FILTER).
 * Immutable.
 */
public final class MsrFilter {
  /** KVM_MSR_FILTER_READ. */
  public static final int READ = 1;

  /** KVM_MSR_FILTER_WRITE. */
  public static final int WRITE = 2;

  /** No filter. */
  public static final MsrFilter ALL = new MsrFilter(true, new Range[0]);

  private final boolean allowedByDefault;
  private final Range[] ranges;

  /**
   * Some registers in a row.
   *
   * @param operations {@link #READ} and {@link #WRITE}
   * @param allowed a bit a register, the lowest first
   */
  record Range(int operations, int base, int count, byte[] allowed) {}

  MsrFilter(boolean allowedByDefault, Range[] ranges) {
    this.allowedByDefault = allowedByDefault;
    this.ranges = ranges;
  }

  /**
   * Whether the guest's access goes through (kvm_msr_allowed). The x2APIC's registers always do.
   *
   * @param operation {@link #READ} or {@link #WRITE}
   */
  public boolean allows(int msr, int operation) {
    if (msr >= 0x800 && msr <= 0x8ff) {
      return true;
    }
    for (Range range : ranges) {
      int index = msr - range.base;
      if ((range.operations & operation) != 0 && Integer.compareUnsigned(index, range.count) < 0) {
        return (range.allowed[index >>> 3] >>> (index & 7) & 1) != 0;
      }
    }
    return allowedByDefault;
  }
}
