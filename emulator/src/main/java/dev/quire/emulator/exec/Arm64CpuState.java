package dev.quire.emulator.exec;

import dev.quire.emulator.decode.Arm64RegisterView;

/**
 * The architectural state of one arm64 vCPU between two instructions. The engine implements it;
 * vCPU's thread only. {@code pstate} has the layout of SPSR_EL1.
 */
public interface Arm64CpuState extends Arm64RegisterView {
  /** X0 to X30; index 31 reads as zero and is not written (XZR). */
  @Override
  long x(int index);

  void setX(int index, long value);

  /** The live stack pointer, of whichever bank PSTATE selects. */
  @Override
  long sp();

  long pc();

  void setPc(long pc);

  long pstate();

  /** PSTATE.EL: 0 or 1. */
  default int exceptionLevel() {
    return (int) (pstate() >>> 2) & 3;
  }

  long sctlrEl1();

  long vbarEl1();

  /**
   * Enters EL1 with SP_EL1 selected: banks the live stack pointer, saves {@code elr} and the old
   * PSTATE to ELR_EL1 and SPSR_EL1, then sets PSTATE and the program counter.
   */
  void enterEl1(long elr, long newPstate, long vectorPc);

  void setEsrEl1(long esr);

  void setFarEl1(long far);

  /** The syndrome the core computed for the exception it just raised. */
  long raisedSyndrome();

  /** The fault address of the exception the core just raised. */
  long raisedAddress();
}
