package dev.quire.emulator.exec;

import dev.quire.bindings.Uc;
import dev.quire.bindings.UcArm64State;

/**
 * The registers of a Unicorn arm64 core, and what it raised last. EL2 and EL3 are hidden firmware:
 * they make EL1 AArch64 and non-secure, route debug steps away from the guest and hold the virtual
 * interrupt lines. vCPU's thread only.
 */
public final class Arm64Core implements Arm64CpuState {
  private static final long SCR_NS_HCE_RW_APK_API = 0x30501;
  private static final long HCR_RW_APK_API = 1L << 31 | 3L << 40;
  private static final long HCR_FMO = 1L << 3;
  private static final long HCR_IMO = 1L << 4;
  private static final long HCR_VF = 1L << 6;
  private static final long HCR_VI = 1L << 7;
  private static final long MDCR_TDE = 1L << 8;

  /** Performance monitors are not there: the hidden EL2 gets what touches them. */
  private static final long MDCR_TPM_TPMCR = 3L << 5;

  private static final long MDSCR_SS = 1;
  private static final long DAIF_I = 1 << 7;
  private static final long DAIF_F = 1 << 6;
  private static final long PSTATE_SS = 1L << 21;
  private static final int PSTATE_PAN = 1 << 22;
  private static final int PSTATE_UAO = 1 << 23;
  private static final long PSTATE_SP_SELECT = 1;
  private static final long SPSR_EL1_BIT = 1 << 2;
  private static final long PSTATE_RESET = 0x3c5;
  private static final long SCTLR_RESET = 0x30d0_0800L;
  private static final int ZERO_REGISTER = 31;

  /** Stands where the core notes the level it takes an exception to, until it takes one. */
  private static final int NO_EXCEPTION = 0x51;

  private final Uc uc;
  private final UcArm64State state;
  private long lines;
  private Runnable interruptTaken = () -> {};
  private boolean judged;
  private long judgedSyndrome;
  private long judgedAddress;

  Arm64Core(Uc uc, UcArm64State state) {
    this.uc = uc;
    this.state = state;
    writeSystem(SystemRegister.SCR_EL3, SCR_NS_HCE_RW_APK_API);
    writeSystem(SystemRegister.MDCR_EL2, MDCR_TDE | MDCR_TPM_TPMCR);
    writeLines(0);
    state.setExceptionTargetEl(NO_EXCEPTION);
  }

  UcArm64State state() {
    return state;
  }

  Uc uc() {
    return uc;
  }

  /** Starts at {@code entryPc} in EL1h with everything masked and the MMU off. */
  void reset(long entryPc, long x0) {
    for (int index = 0; index < ZERO_REGISTER; index++) {
      state.setX(index, 0);
    }
    state.setX(0, x0);
    state.setSp(0);
    state.setPstate(PSTATE_RESET);
    writeSystem(SystemRegister.SCTLR_EL1, SCTLR_RESET);
    writeSystem(SystemRegister.CPACR_EL1, 0);
    state.setPc(entryPc);
  }

  /** Told whenever the core has taken an IRQ or FIQ, before the next instruction. */
  public void onInterruptTaken(Runnable observer) {
    interruptTaken = observer;
  }

  /** Of the exceptions only interrupts are taken by the core, and leave no other trace. */
  void noteInterrupt() {
    if (state.exceptionTargetEl() != NO_EXCEPTION) {
      state.setExceptionTargetEl(NO_EXCEPTION);
      interruptTaken.run();
    }
  }

  /** The core has raised an exception and ends its run. */
  void raisedByCore() {
    judged = false;
    state.setExceptionTargetEl(NO_EXCEPTION);
  }

  /** The host raises an exception in the core's stead. */
  void raisedByHost(long syndrome, long address) {
    judged = true;
    judgedSyndrome = syndrome;
    judgedAddress = address;
  }

  /** Drives the virtual IRQ and FIQ lines; the core takes them when PSTATE allows. */
  void setInterruptLines(boolean irq, boolean fiq) {
    long wanted = (irq ? HCR_VI : 0) | (fiq ? HCR_VF : 0);
    if (wanted != lines) {
      writeLines(wanted);
    }
  }

  private void writeLines(long wanted) {
    lines = wanted;
    writeSystem(SystemRegister.HCR_EL2, HCR_RW_APK_API | HCR_IMO | HCR_FMO | wanted);
  }

  boolean interruptDeliverable() {
    long daif = state.daif();
    return (lines & HCR_VI) != 0 && (daif & DAIF_I) == 0
        || (lines & HCR_VF) != 0 && (daif & DAIF_F) == 0;
  }

  /** Turns software step on or off, for the next instruction. */
  void setStepping(boolean enabled) {
    long pstate = state.pstate();
    state.setPstate(enabled ? pstate | PSTATE_SS : pstate & ~PSTATE_SS);
    writeSystem(SystemRegister.MDSCR_EL1, enabled ? MDSCR_SS : 0);
  }

  boolean isPrivilegedAccessNever() {
    return (state.pstateRest() & PSTATE_PAN) != 0;
  }

  boolean isUserAccessOverride() {
    return (state.pstateRest() & PSTATE_UAO) != 0;
  }

  /** The exception level that ERET goes to. */
  int returnLevel() {
    return (savedPstate() & SPSR_EL1_BIT) == 0 ? 0 : 1;
  }

  /** The stack pointer that ERET selects. */
  long returnSp() {
    int bank = (savedPstate() & PSTATE_SP_SELECT) == 0 ? 0 : 1;
    boolean live = bank == (state.pstateRest() & PSTATE_SP_SELECT);
    return live ? state.sp() : state.spBank(bank);
  }

  private long savedPstate() {
    return state.systemRegister(UcArm64State.SystemRegister.SPSR_EL1);
  }

  /** Reads a system register of the core. */
  public long readSystem(int register) {
    return uc.registers()
        .readCp(
            SystemRegister.crn(register),
            SystemRegister.crm(register),
            SystemRegister.op0(register),
            SystemRegister.op1(register),
            SystemRegister.op2(register));
  }

  /** Writes a system register of the core; never a constant one. */
  public void writeSystem(int register, long value) {
    uc.registers()
        .writeCp(
            SystemRegister.crn(register),
            SystemRegister.crm(register),
            SystemRegister.op0(register),
            SystemRegister.op1(register),
            SystemRegister.op2(register),
            value);
  }

  @Override
  public long x(int index) {
    return index == ZERO_REGISTER ? 0 : state.x(index);
  }

  @Override
  public void setX(int index, long value) {
    if (index != ZERO_REGISTER) {
      state.setX(index, value);
    }
  }

  @Override
  public long sp() {
    return state.sp();
  }

  @Override
  public long pc() {
    return state.pc();
  }

  @Override
  public void setPc(long pc) {
    state.setPc(pc);
  }

  @Override
  public long pstate() {
    return state.pstate();
  }

  @Override
  public long sctlrEl1() {
    return readSystem(SystemRegister.SCTLR_EL1);
  }

  @Override
  public long vbarEl1() {
    return readSystem(SystemRegister.VBAR_EL1);
  }

  @Override
  public void enterEl1(long elr, long newPstate, long vectorPc) {
    noteInterrupt();
    long old = state.pstate();
    boolean onSpEl1 = (old & PSTATE_SP_SELECT) != 0;
    if (!onSpEl1) {
      state.setSpBank(0, state.sp());
      state.setSp(state.spBank(1));
    }
    state.setElr(1, elr);
    state.setPstate(newPstate);
    // A system register write makes the core derive its flags from the new PSTATE.
    writeSystem(SystemRegister.SPSR_EL1, old);
    state.setPc(vectorPc);
  }

  @Override
  public void setEsrEl1(long esr) {
    writeSystem(SystemRegister.ESR_EL1, esr);
  }

  @Override
  public void setFarEl1(long far) {
    writeSystem(SystemRegister.FAR_EL1, far);
  }

  @Override
  public long raisedSyndrome() {
    return judged ? judgedSyndrome : Integer.toUnsignedLong(state.exceptionSyndrome());
  }

  @Override
  public long raisedAddress() {
    return judged ? judgedAddress : state.exceptionVaddress();
  }
}
