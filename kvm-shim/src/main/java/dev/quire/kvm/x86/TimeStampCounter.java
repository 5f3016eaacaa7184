package dev.quire.kvm.x86;

/**
 * A vCPU's time-stamp counter: the host's, which ticks once a nanosecond of the VM's virtual time,
 * scaled and offset (Linux v6.18 arch/x86/kvm/x86.c, kvm_synchronize_tsc). VM thread only.
 */
final class TimeStampCounter {
  /** The host's rate. */
  static final int HOST_KHZ = 1_000_000;

  /** kvm_caps.max_guest_tsc_khz. */
  static final int MAX_KHZ = Integer.MAX_VALUE;

  private final X86VmState vm;
  private int khz;
  private long offset;
  private long adjust;

  TimeStampCounter(X86VmState vm) {
    this.vm = vm;
    this.khz = vm.defaultTscKhz();
    synchronize(0, false);
  }

  int khz() {
    return khz;
  }

  /** KVM_SET_TSC_KHZ; the offset stays. */
  void setKhz(int wanted) {
    khz = wanted;
  }

  /** Host ticks at this vCPU's rate. */
  private long scaled() {
    long now = vm.clock().nowNanos();
    if (khz == HOST_KHZ) {
      return now;
    }
    return Math.multiplyHigh(now, khz) == 0 && now * khz >= 0
        ? now * khz / HOST_KHZ
        : now / HOST_KHZ * khz + now % HOST_KHZ * khz / HOST_KHZ;
  }

  long now() {
    return scaled() + offset;
  }

  long offset() {
    return offset;
  }

  /** KVM_VCPU_TSC_OFFSET. */
  void setOffset(long wanted) {
    offset = wanted;
    vm.tscWritten(khz, scaled() + wanted, wanted);
  }

  /** IA32_TSC_ADJUST. */
  long adjust() {
    return adjust;
  }

  /** User space writes IA32_TSC_ADJUST: without effect on the counter. */
  void restoreAdjust(long value) {
    adjust = value;
  }

  /** The guest writes IA32_TSC_ADJUST. */
  void adjustTo(long value) {
    offset += value - adjust;
    adjust = value;
  }

  /** The guest writes IA32_TSC. */
  void write(long value) {
    long change = value - now();
    offset += change;
    adjust += change;
  }

  /**
   * User space writes IA32_TSC: what is close to the VM's other counters means the same as them.
   *
   * @param fromUser false at the vCPU's creation
   */
  void synchronize(long value, boolean fromUser) {
    boolean together = value == 0 || vm.isTscNear(value, khz);
    if (fromUser) {
      vm.userWroteTsc();
    }
    boolean matches = together && vm.lastTscKhz() == khz;
    offset = matches ? vm.lastTscOffset() : value - scaled();
    vm.tscWritten(khz, matches ? scaled() + offset : value, offset);
  }
}
