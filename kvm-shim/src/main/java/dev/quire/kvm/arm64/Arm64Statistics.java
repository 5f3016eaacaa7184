package dev.quire.kvm.arm64;

import dev.quire.kvm.vm.KvmFaults;
import dev.quire.kvm.vm.StatisticsLayout;

/**
 * What KVM_GET_STATS_FD tells of an arm64 vCPU (Linux v6.18 arch/arm64/kvm/guest.c,
 * kvm_vcpu_stats_desc), and its counters. Waits for events do not leave the guest here, and stay 0.
 * VM thread only.
 */
final class Arm64Statistics {
  static final StatisticsLayout VCPU =
      StatisticsLayout.GENERIC_VCPU.with(
          StatisticsLayout.CUMULATIVE,
          "hvc_exit_stat",
          "wfe_exit_stat",
          "wfi_exit_stat",
          "mmio_exit_user",
          "mmio_exit_kernel",
          "signal_exits",
          "exits");

  private static final int CALLS = VCPU.placeOf("hvc_exit_stat");
  private static final int WAITS = VCPU.placeOf("wfi_exit_stat");
  private static final int MMIO_USER = VCPU.placeOf("mmio_exit_user");
  private static final int MMIO_KERNEL = VCPU.placeOf("mmio_exit_kernel");
  private static final int SIGNALS = VCPU.placeOf("signal_exits");
  private static final int EXITS = VCPU.placeOf("exits");

  private final KvmFaults faults;
  private long exits;
  private long calls;
  private long waits;
  private long mmioUser;
  private long mmioKernel;
  private long signals;

  Arm64Statistics(KvmFaults faults) {
    this.faults = faults;
  }

  void hypervisorCall() {
    exits++;
    calls++;
  }

  void waitForInterrupt() {
    exits++;
    waits++;
  }

  /** A device access; its exit is that of the fault. */
  void deviceAccess(boolean byUser) {
    mmioUser += byUser ? 1 : 0;
    mmioKernel += byUser ? 0 : 1;
  }

  void signalled() {
    exits++;
    signals++;
  }

  /** A breakpoint or step that is the client's, or a call by SMC. */
  void otherExit() {
    exits++;
  }

  /** Puts the values in their places. */
  void put(long[] values) {
    values[CALLS] = calls;
    values[WAITS] = waits;
    values[MMIO_USER] = mmioUser;
    values[MMIO_KERNEL] = mmioKernel;
    values[SIGNALS] = signals;
    values[EXITS] = exits + faults.taken();
  }
}
