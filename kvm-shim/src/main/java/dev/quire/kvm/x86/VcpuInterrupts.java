package dev.quire.kvm.x86;

import dev.quire.emulator.exec.X86Core;
import dev.quire.emulator.vcpu.x86.InterruptController;
import java.util.function.LongSupplier;

/**
 * A vCPU's interrupts where no controller is in the kernel: there are none of their own accord, and
 * CR8 is a register that user space and the guest share. VM thread only.
 */
class VcpuInterrupts implements InterruptController, X86Core.TaskPriority {
  private long cr8;

  /** The local APIC as the state calls reach it; null where it is in user space. */
  KernelApic apic() {
    return null;
  }

  /** Names the vCPU's time-stamp counter and who reports task priorities; before the first run. */
  void attach(LongSupplier counter, TaskPriorityReports taskPriority) {}

  /** The vector whose end a user-space IOAPIC is to hear of now, or -1. */
  int takeEnded() {
    return -1;
  }

  /** Whether an interrupt of a user-space PIC would be taken (kvm_apic_accept_pic_intr). */
  boolean acceptsExternal() {
    return true;
  }

  /** The guest is about to run. */
  void enterGuest() {}

  /** The guest has run, if {@link #enterGuest} has been called since the last time. */
  void leaveGuest() {}

  /** Whether INIT waits to be taken; it is taken then. */
  boolean takeInit() {
    return false;
  }

  /** The page that a pending start-up message names, or -1; it is taken then. */
  int takeSipi() {
    return -1;
  }

  @Override
  public int pendingVector() {
    return -1;
  }

  @Override
  public int acknowledge() {
    throw new IllegalStateException("no interrupt is pending");
  }

  @Override
  public long cr8() {
    return cr8;
  }

  @Override
  public void setCr8(long value) {
    cr8 = value;
  }
}
