package dev.quire.emulator.vcpu;

import dev.quire.mmu.FaultRecord;

/**
 * The host's side of a second-stage fault, as a vCPU and its exception delivery need it. Machine
 * thread only.
 */
public interface HostFaults {
  /** Mapped: the access can be retried. */
  int MAPPED = 0;

  /** A device claims the address. */
  int DEVICE = 1;

  /** Neither memory nor a device. */
  int UNCLAIMED = 2;

  /** The host could not provide memory; {@link #problem} says why. */
  int FAILED = 3;

  /** Who resolves the host's faults in user space does not answer; {@link #problem} says more. */
  int HANDLER_DEAD = 4;

  /** Memory that is only read, {@link #read} by the instruction; its stores are a device's. */
  int READ_ONLY = 5;

  /** Resolves the fault's {@code gpa} for its access. */
  int resolve(FaultRecord fault);

  /**
   * Copies the page that holds {@code gpa}, after {@link #READ_ONLY}.
   *
   * @param page 4096 bytes
   */
  default void read(long gpa, byte[] page) {
    throw new IllegalStateException("no memory here is read-only");
  }

  /** What went wrong after {@link #FAILED} or {@link #HANDLER_DEAD}. */
  String problem();
}
