package dev.quire.kvm.client;

/** Why {@link Vcpu#run} ended, by KVM's names (Linux v6.18 include/uapi/linux/kvm.h). */
public sealed interface VcpuExit {
  /**
   * KVM_EXIT_IO.
   *
   * @param out whether the guest writes
   * @param count accesses of {@code size} bytes one behind the other: REP INS or OUTS
   * @param data what it writes, or room for what it reads: give it to {@link Vcpu#answer}
   */
  record Io(boolean out, int port, int size, int count, byte[] data) implements VcpuExit {}

  /**
   * KVM_EXIT_MMIO.
   *
   * @param gpa where
   * @param data as for {@link Io}
   */
  record Mmio(boolean write, long gpa, byte[] data) implements VcpuExit {}

  /** KVM_EXIT_HLT. */
  record Hlt() implements VcpuExit {}

  /** KVM_EXIT_SHUTDOWN: a triple fault. */
  record Shutdown() implements VcpuExit {}

  /** KVM_EXIT_DEBUG. */
  record Debug() implements VcpuExit {}

  /** KVM_EXIT_IRQ_WINDOW_OPEN. */
  record InterruptWindow() implements VcpuExit {}

  /** KVM_EXIT_FAIL_ENTRY. */
  record FailEntry(long reason) implements VcpuExit {}

  /** KVM_EXIT_INTERNAL_ERROR. */
  record InternalError(int suberror) implements VcpuExit {}

  /** KVM_EXIT_MEMORY_FAULT. */
  record MemoryFault(long flags, long gpa, long bytes) implements VcpuExit {}

  /** KVM_EXIT_SYSTEM_EVENT. */
  record SystemEvent(int type) implements VcpuExit {}

  /** EINTR: somebody kicked the vCPU, or immediate_exit was set. */
  record Interrupted() implements VcpuExit {}

  /**
   * Any other.
   *
   * @param reason KVM_EXIT_'s number
   */
  record Other(int reason) implements VcpuExit {}
}
