package dev.quire.kvm.x86;

/**
 * What KVM_SET_GUEST_DEBUG asked for (Linux v6.18 arch/x86/kvm/x86.c,
 * kvm_arch_vcpu_ioctl_set_guest_debug). VM thread only.
 */
public final class GuestDebug {
  public static final int ENABLE = 1;
  public static final int SINGLESTEP = 2;
  public static final int USE_SW_BP = 0x1_0000;
  public static final int USE_HW_BP = 0x2_0000;
  public static final int INJECT_DB = 0x4_0000;
  public static final int INJECT_BP = 0x8_0000;
  public static final int BLOCKIRQ = 0x10_0000;

  int control;
  final long[] addresses = new long[4];
  long dr7;

  /** The flags; 0 unless {@link #ENABLE}. */
  public int control() {
    return control;
  }

  /** The address of a hardware breakpoint, of use with {@link #USE_HW_BP}. */
  public long address(int index) {
    return addresses[index];
  }

  /** DR7 of the hardware breakpoints, of use with {@link #USE_HW_BP}. */
  public long dr7() {
    return dr7;
  }
}
