package dev.quire.kvm.x86;

import dev.quire.mmu.Order;

/**
 * KVM's own registers: kvmclock, asynchronous page faults, polling (Linux v6.18 arch/x86/kvm/x86.c,
 * kvm_set_msr_common). VM thread only.
 */
final class ParavirtualMsrs {
  static final int WALL_CLOCK = 0x11;
  static final int SYSTEM_TIME = 0x12;
  static final int WALL_CLOCK_NEW = 0x4b56_4d00;
  static final int SYSTEM_TIME_NEW = 0x4b56_4d01;
  static final int ASYNC_PF_EN = 0x4b56_4d02;
  static final int STEAL_TIME = 0x4b56_4d03;
  static final int PV_EOI_EN = 0x4b56_4d04;
  static final int POLL_CONTROL = 0x4b56_4d05;
  static final int ASYNC_PF_INT = 0x4b56_4d06;
  static final int ASYNC_PF_ACK = 0x4b56_4d07;

  private static final long STEAL_RESERVED = 0x3e;

  private final X86VcpuState vcpu;
  private final KvmClock clock;
  private long systemTime;
  private long stealTime;
  private long pollControl = 1;
  private long asyncEnabled;
  private long asyncInterrupt;
  private long endOfInterrupt;
  private long value;
  private boolean enforced;

  ParavirtualMsrs(X86VcpuState vcpu, TimeStampCounter counter) {
    this.vcpu = vcpu;
    this.clock = new KvmClock(vcpu.vm(), counter);
  }

  static boolean contains(int msr) {
    return msr == WALL_CLOCK || msr == SYSTEM_TIME || msr >= WALL_CLOCK_NEW && msr <= ASYNC_PF_ACK;
  }

  /** KVM_CAP_ENFORCE_PV_FEATURE_CPUID: only what CPUID shows is there. */
  void enforce(boolean wanted) {
    enforced = wanted;
  }

  long value() {
    return value;
  }

  KvmClock clock() {
    return clock;
  }

  /** The KVM_FEATURE_ bit that a register belongs to. */
  private static int feature(int msr) {
    return switch (msr) {
      case WALL_CLOCK, SYSTEM_TIME -> SupportedCpuid.CLOCKSOURCE;
      case WALL_CLOCK_NEW, SYSTEM_TIME_NEW -> SupportedCpuid.CLOCKSOURCE2;
      case ASYNC_PF_EN -> SupportedCpuid.ASYNC_PF;
      case STEAL_TIME -> SupportedCpuid.STEAL_TIME;
      case PV_EOI_EN -> SupportedCpuid.PV_EOI;
      case POLL_CONTROL -> SupportedCpuid.POLL_CONTROL;
      default -> SupportedCpuid.ASYNC_PF_INT;
    };
  }

  private boolean isThere(int msr) {
    return !enforced || vcpu.cpuid().hasParavirtual(feature(msr));
  }

  int get(int msr) {
    value =
        switch (msr) {
          case WALL_CLOCK, WALL_CLOCK_NEW -> vcpu.vm().wallClock();
          case SYSTEM_TIME, SYSTEM_TIME_NEW -> systemTime;
          case ASYNC_PF_EN -> asyncEnabled;
          case ASYNC_PF_INT -> asyncInterrupt;
          case STEAL_TIME -> stealTime;
          case POLL_CONTROL -> pollControl;
          case PV_EOI_EN -> endOfInterrupt;
          default -> 0;
        };
    return isThere(msr) ? KvmMsrs.DONE : KvmMsrs.UNSUPPORTED;
  }

  private boolean isMemory(long gpa) {
    return vcpu.vm().context().stage2().slots().find(gpa >>> Order.BASE_PAGE_SHIFT) != null;
  }

  int set(int msr, long data) {
    if (!isThere(msr)) {
      return KvmMsrs.UNSUPPORTED;
    }
    boolean refused = false;
    switch (msr) {
      case WALL_CLOCK, WALL_CLOCK_NEW -> vcpu.vm().setWallClock(data);
      case SYSTEM_TIME, SYSTEM_TIME_NEW -> {
        systemTime = data;
        clock.setPage(data);
      }
      case ASYNC_PF_EN -> {
        refused = (data & 0x30) != 0 || vcpu.apic() == null && data != 0;
        asyncEnabled = refused ? asyncEnabled : data;
      }
      case ASYNC_PF_INT -> {
        refused = data >>> 8 != 0 || vcpu.apic() == null;
        asyncInterrupt = refused ? asyncInterrupt : data;
      }
      case STEAL_TIME -> {
        refused = (data & STEAL_RESERVED) != 0;
        stealTime = refused ? stealTime : data;
      }
      case POLL_CONTROL -> {
        refused = (data & ~1L) != 0;
        pollControl = refused ? pollControl : data;
      }
      // The guest may ask for it; none of its EOIs is avoided.
      case PV_EOI_EN -> {
        refused = (data & 2) != 0 || (data & 1) != 0 && !isMemory(data);
        endOfInterrupt = refused ? endOfInterrupt : data;
      }
      default -> {
        // ASYNC_PF_ACK: nothing waits.
      }
    }
    return refused ? KvmMsrs.REFUSED : KvmMsrs.DONE;
  }
}
