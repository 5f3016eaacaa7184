package dev.quire.emulator.vcpu;

import dev.quire.mmu.FaultRecord;

/**
 * What an architecture adds to the fault path: its exceptions, its interrupts, the instructions the
 * host performs. Methods that may end a run return null to go on.
 */
public interface GuestCpu {
  /** Delivers a pending interrupt if the guest takes it now, else arranges to be asked again. */
  VcpuExit beforeRun();

  /** Delivers the exception of a translation fault that is the guest's own. */
  VcpuExit deliver(FaultRecord fault);

  /** Handles what the core raised. */
  VcpuExit trap(int number);

  /** Performs the instruction at the program counter. */
  VcpuExit intercept();

  /** HLT or WFI retired. */
  VcpuExit halted();

  /** Takes the answer to the last {@link VcpuExit.Io} read. */
  void completeIo(long data);

  /** A table, or code, lies at {@code fault.gpa()} where no memory is. */
  VcpuExit outsideMemory(FaultRecord fault);

  /** An access to {@code fault.gpa()}, where neither memory nor a device is. */
  VcpuExit unclaimed(FaultRecord fault);

  /**
   * The shape of the faulting data access, from decoding the instruction.
   *
   * @return an {@link AccessShape}, {@link AccessShape#UNKNOWN} if the decoder does not know it
   */
  long shapeOf(FaultRecord fault);

  /**
   * Another operand of the instruction just asked about, which lies in the same page, as that of
   * MOVS may.
   *
   * @return an {@link AccessShape} with its offset, {@link AccessShape#UNKNOWN} if there is none
   */
  default long otherShapeOf(FaultRecord fault) {
    return AccessShape.UNKNOWN;
  }

  /** Whether nothing of the last instruction is left to do: a snapshot may be taken. */
  boolean isBetweenInstructions();

  /** The program counter, for messages. */
  long pc();

  /** Whether an interrupt would wake a halted vCPU now. */
  boolean hasWork();
}
