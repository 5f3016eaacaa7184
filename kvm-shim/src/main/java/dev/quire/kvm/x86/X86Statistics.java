package dev.quire.kvm.x86;

import dev.quire.kvm.abi.KvmRun;
import dev.quire.kvm.vm.KvmFaults;
import dev.quire.kvm.vm.StatisticsLayout;

/**
 * What KVM_GET_STATS_FD tells of an x86 VM and its vCPUs (Linux v6.18 arch/x86/kvm/x86.c,
 * kvm_vm_stats_desc and kvm_vcpu_stats_desc), and the counters of one vCPU. Statistics of what is
 * not there, shadow paging and nested guests, stay 0. VM thread only.
 */
final class X86Statistics {
  static final StatisticsLayout VM =
      StatisticsLayout.GENERIC_VM
          .with(
              StatisticsLayout.CUMULATIVE,
              "mmu_shadow_zapped",
              "mmu_pte_write",
              "mmu_pde_zapped",
              "mmu_flooded",
              "mmu_recycled",
              "mmu_cache_miss")
          .with(
              StatisticsLayout.INSTANT,
              "mmu_unsync",
              "pages_4k",
              "pages_2m",
              "pages_1g",
              "nx_lpage_splits")
          .with(StatisticsLayout.PEAK, "max_mmu_rmap_size", "max_mmu_page_hash_collisions");

  static final StatisticsLayout VCPU =
      StatisticsLayout.GENERIC_VCPU
          .with(
              StatisticsLayout.CUMULATIVE,
              "pf_taken",
              "pf_fixed",
              "pf_emulate",
              "pf_spurious",
              "pf_fast",
              "pf_mmio_spte_created",
              "pf_guest",
              "tlb_flush",
              "invlpg",
              "exits",
              "io_exits",
              "mmio_exits",
              "signal_exits",
              "irq_window_exits",
              "nmi_window_exits",
              "l1d_flush",
              "halt_exits",
              "request_irq_exits",
              "irq_exits",
              "host_state_reload",
              "fpu_reload",
              "insn_emulation",
              "insn_emulation_fail",
              "hypercalls",
              "irq_injections",
              "nmi_injections",
              "req_event",
              "nested_run",
              "directed_yield_attempted",
              "directed_yield_successful",
              "preemption_reported",
              "preemption_other")
          .withBoolean("guest_mode")
          .with(StatisticsLayout.CUMULATIVE, "notify_window_exits");

  private static final int FAULTS = VCPU.placeOf("pf_taken");
  private static final int FIXED = VCPU.placeOf("pf_fixed");
  private static final int EMULATED = VCPU.placeOf("pf_emulate");
  private static final int EXITS = VCPU.placeOf("exits");
  private static final int IO = VCPU.placeOf("io_exits");
  private static final int MMIO = VCPU.placeOf("mmio_exits");
  private static final int SIGNAL = VCPU.placeOf("signal_exits");
  private static final int WINDOW = VCPU.placeOf("irq_window_exits");
  private static final int HALT = VCPU.placeOf("halt_exits");
  private static final int EMULATION_FAILED = VCPU.placeOf("insn_emulation_fail");

  private final KvmFaults faults;
  private long exits;
  private long io;
  private long mmio;
  private long signals;
  private long windows;
  private long halts;
  private long failures;

  X86Statistics(KvmFaults faults) {
    this.faults = faults;
  }

  /** The guest halted, whoever wakes it. */
  void halted() {
    halts++;
  }

  /** KVM_RUN ends with this KVM_EXIT_. */
  void left(int reason) {
    exits++;
    switch (reason) {
      case KvmRun.EXIT_IO -> io++;
      case KvmRun.EXIT_MMIO -> mmio++;
      case KvmRun.EXIT_INTR -> signals++;
      case KvmRun.EXIT_IRQ_WINDOW_OPEN -> windows++;
      case KvmRun.EXIT_INTERNAL_ERROR -> failures++;
      default -> {}
    }
  }

  /** Puts the values in their places. */
  void put(long[] values) {
    values[FAULTS] = faults.taken();
    values[FIXED] = faults.mapped();
    values[EMULATED] = faults.devices();
    values[EXITS] = exits + faults.taken();
    values[IO] = io;
    values[MMIO] = mmio;
    values[SIGNAL] = signals;
    values[WINDOW] = windows;
    values[HALT] = halts;
    values[EMULATION_FAILED] = failures;
  }
}
