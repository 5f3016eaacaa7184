package dev.quire.emulator.vcpu;

/**
 * Why a vCPU gives control to its machine, named after KVM's exit reasons. An {@link Io} or {@link
 * Mmio} read must be answered with {@link Vcpu#complete} before the next run.
 */
public sealed interface VcpuExit {
  VcpuExit HLT = new Hlt();
  VcpuExit INTR = new Intr();
  VcpuExit SLICE_END = new SliceEnd();
  VcpuExit CLIENT = new Client();

  /** A port access of {@code bytes} (1, 2, 4); {@code data} is what is written. */
  record Io(boolean in, int port, int bytes, long data) implements VcpuExit {}

  /** A device access of {@code bytes} (1 to 8); {@code data} is what is written. */
  record Mmio(long gpa, int bytes, boolean write, long data) implements VcpuExit {}

  /** HLT or WFI: nothing to do until an interrupt. */
  record Hlt() implements VcpuExit {}

  /** A hypervisor's own code ended the run, for its client, and knows why. */
  record Client() implements VcpuExit {}

  /** The architecture gave up: a triple fault. */
  record Shutdown(String reason) implements VcpuExit {}

  /** Kicked by another thread. */
  record Intr() implements VcpuExit {}

  /** The deadline of the run is reached; not an exit a KVM client sees. */
  record SliceEnd() implements VcpuExit {}

  /** Exceptions without end and no instruction between them: hardware would spin for ever. */
  record Livelock(String reason) implements VcpuExit {}

  /** The access waits for a userfaultfd whose handler does not answer. */
  record HandlerDead(String reason) implements VcpuExit {}

  /** Nothing the model can do for this guest: what and where. */
  record InternalError(String reason) implements VcpuExit {}
}
