package dev.quire.kvm.x86;

import dev.quire.emulator.exec.X86Core;
import dev.quire.kvm.abi.KvmRun;

/**
 * KVM_TPR_ACCESS_REPORTING: a guest's access to the task priority of its in-kernel local APIC, by
 * page or x2APIC register, is an exit once its instruction is over (Linux v6.18
 * arch/x86/kvm/lapic.c, report_tpr_access). VM thread only.
 */
final class TaskPriorityReports {
  private final X86Core core;
  private boolean enabled;
  private boolean pending;
  private long rip;
  private boolean write;

  TaskPriorityReports(X86Core core) {
    this.core = core;
  }

  void enable(boolean on) {
    enabled = on;
  }

  /** The program counter, of an instruction that the host performs. */
  long here() {
    return core.rip();
  }

  /** The instruction at this address accesses it. */
  void accessed(long instruction, boolean writes) {
    if (enabled) {
      rip = instruction;
      write = writes;
      pending = true;
    }
  }

  /** Before the guest goes on: whether an exit was due, which is written then. */
  boolean take(KvmRun run) {
    if (!pending) {
      return false;
    }
    pending = false;
    run.exitTprAccess(rip, write);
    return true;
  }
}
