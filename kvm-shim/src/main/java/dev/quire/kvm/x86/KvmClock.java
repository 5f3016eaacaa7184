package dev.quire.kvm.x86;

import dev.quire.kvm.abi.LittleEndian;

/**
 * One vCPU's kvmclock: struct pvclock_vcpu_time_info in guest memory, from which the guest computes
 * nanoseconds of the VM's clock (Linux v6.18 arch/x86/kvm/x86.c, kvm_setup_guest_pvclock). VM
 * thread only.
 */
final class KvmClock {
  private static final int BYTES = 32;
  private static final int VERSION = 0;
  private static final int TSC_TIMESTAMP = 8;
  private static final int SYSTEM_TIME = 16;
  private static final int MULTIPLIER = 24;
  private static final int SHIFT = 28;
  private static final int FLAGS = 29;
  private static final int TSC_STABLE = 1;
  private static final int GUEST_STOPPED = 2;
  private static final long NANOS_PER_SECOND = 1_000_000_000;

  private final X86VmState vm;
  private final TimeStampCounter counter;
  private final byte[] page = new byte[BYTES];
  private long gpa;
  private boolean active;
  private boolean stopped;

  KvmClock(X86VmState vm, TimeStampCounter counter) {
    this.vm = vm;
    this.counter = counter;
  }

  /** MSR_KVM_SYSTEM_TIME: address, and bit 0 to enable. */
  void setPage(long value) {
    active = (value & 1) != 0;
    gpa = value & ~1L;
    update();
  }

  /** KVM_KVMCLOCK_CTRL; false without a clock. */
  boolean tellStopped() {
    stopped = active;
    update();
    return active;
  }

  /** Writes the page; what no slot holds is left alone. */
  void update() {
    if (!active || !vm.guestMemory().contains(gpa, BYTES)) {
      return;
    }
    vm.guestMemory().read(gpa, page, 0, BYTES);
    int version = LittleEndian.getInt(page, VERSION) + 1 | 1;
    int flags = LittleEndian.getByte(page, FLAGS) & GUEST_STOPPED | TSC_STABLE;
    flags |= stopped ? GUEST_STOPPED : 0;
    stopped = false;
    LittleEndian.putInt(page, VERSION, version + 1);
    LittleEndian.putLong(page, TSC_TIMESTAMP, counter.now());
    LittleEndian.putLong(page, SYSTEM_TIME, vm.kvmClock());
    setScale(counter.khz() * 1000L);
    LittleEndian.putByte(page, FLAGS, flags);
    vm.guestMemory().write(gpa, page, 0, BYTES);
  }

  /**
   * kvm_get_time_scale: nanoseconds = (ticks shifted) * multiplier / 2^32, with the rate brought
   * into one to two seconds' worth first.
   */
  private void setScale(long ticksPerSecond) {
    long base = ticksPerSecond;
    int shift = 0;
    while (base > 2 * NANOS_PER_SECOND) {
      base >>>= 1;
      shift--;
    }
    while (base <= NANOS_PER_SECOND) {
      base <<= 1;
      shift++;
    }
    LittleEndian.putInt(page, MULTIPLIER, (int) ((NANOS_PER_SECOND << 32) / base));
    LittleEndian.putByte(page, SHIFT, shift);
  }
}
