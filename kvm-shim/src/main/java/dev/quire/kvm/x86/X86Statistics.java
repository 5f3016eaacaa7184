package dev.quire.kvm.x86;

import dev.quire.emulator.vcpu.x86.EventKind;
import dev.quire.kernel.kvm.Stage2Mmu;
import dev.quire.kvm.abi.KvmRun;
import dev.quire.kvm.vm.KvmFaults;
import dev.quire.kvm.vm.StatisticsLayout;

/**
 * What KVM_GET_STATS_FD tells of an x86 VM and its vCPUs (Linux v6.18 arch/x86/kvm/x86.c,
 * kvm_vm_stats_desc and kvm_vcpu_stats_desc), and the counters of one vCPU. Statistics of what is
 * not there, shadow paging, nested guests and the host's own interrupts, stay 0. Exits are those
 * that a processor with VMX cannot avoid, but for CPUID and control registers, which the core
 * executes in the guest. VM thread only.
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
  private static final int DEVICES = VCPU.placeOf("pf_emulate");
  private static final int EXITS = VCPU.placeOf("exits");
  private static final int IO = VCPU.placeOf("io_exits");
  private static final int MMIO = VCPU.placeOf("mmio_exits");
  private static final int SIGNAL = VCPU.placeOf("signal_exits");
  private static final int WINDOW = VCPU.placeOf("irq_window_exits");
  private static final int HALT = VCPU.placeOf("halt_exits");
  private static final int WINDOW_ASKED = VCPU.placeOf("request_irq_exits");
  private static final int FPU = VCPU.placeOf("fpu_reload");
  private static final int EMULATED = VCPU.placeOf("insn_emulation");
  private static final int EMULATION_FAILED = VCPU.placeOf("insn_emulation_fail");
  private static final int HYPERCALLS = VCPU.placeOf("hypercalls");
  private static final int INTERRUPTS = VCPU.placeOf("irq_injections");
  private static final int NMIS = VCPU.placeOf("nmi_injections");

  private static final int SMALL = VM.placeOf("pages_4k");
  private static final int LARGE = VM.placeOf("pages_2m");
  private static final int HUGE = VM.placeOf("pages_1g");
  private static final int LARGE_ORDER = 9;
  private static final int HUGE_ORDER = 18;

  private final KvmFaults faults;
  private long runs;
  private long exits;
  private long io;
  private long stringIo;
  private long mmio;
  private long signals;
  private long windows;
  private long halts;
  private long failures;
  private long hypercalls;
  private long interrupts;
  private long nmis;

  X86Statistics(KvmFaults faults) {
    this.faults = faults;
  }

  /** KVM_RUN goes as far as to load the guest's state. */
  void entered() {
    runs++;
  }

  /** The guest halted, whoever wakes it. */
  void halted() {
    exits++;
    halts++;
  }

  /** An instruction that always leaves the guest; ports and hypercalls have their own. */
  void intercepted() {
    exits++;
  }

  /** IN, OUT, INS or OUTS that the guest may execute; one of strings is emulated. */
  void portAccess(boolean string) {
    exits++;
    io++;
    stringIo += string ? 1 : 0;
  }

  void hypercall() {
    exits++;
    hypercalls++;
  }

  /** An access of one instruction that user space performs, in however many pieces. */
  void userMmio() {
    mmio++;
  }

  void emulationFailed() {
    failures++;
  }

  /** An event enters the guest, of its own accord or again. */
  void injected(EventKind kind) {
    switch (kind) {
      case NMI -> nmis++;
      case EXTERNAL_INTERRUPT -> interrupts++;
      default -> {}
    }
  }

  /** KVM_RUN ends with this KVM_EXIT_; faults and instructions have been counted before. */
  void left(int reason) {
    switch (reason) {
      case KvmRun.EXIT_INTR -> {
        exits++;
        signals++;
      }
      case KvmRun.EXIT_IRQ_WINDOW_OPEN -> {
        exits++;
        windows++;
      }
      case KvmRun.EXIT_DEBUG, KvmRun.EXIT_SHUTDOWN -> exits++;
      default -> {}
    }
  }

  /** Puts a vCPU's values in their places. */
  void put(long[] values) {
    values[FAULTS] = faults.taken();
    values[FIXED] = faults.mapped();
    values[DEVICES] = faults.devices();
    values[EXITS] = exits + faults.taken();
    values[IO] = io;
    values[MMIO] = mmio;
    values[SIGNAL] = signals;
    values[WINDOW] = windows;
    values[HALT] = halts;
    values[WINDOW_ASKED] = windows;
    values[FPU] = runs;
    values[EMULATED] = faults.devices() + stringIo;
    values[EMULATION_FAILED] = failures;
    values[HYPERCALLS] = hypercalls;
    values[INTERRUPTS] = interrupts;
    values[NMIS] = nmis;
  }

  /** Puts a VM's values in their places. */
  static void put(Stage2Mmu stage2, long[] values) {
    values[SMALL] = stage2.leaves(0);
    values[LARGE] = stage2.leaves(LARGE_ORDER);
    values[HUGE] = stage2.leaves(HUGE_ORDER);
  }
}
