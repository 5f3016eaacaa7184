package dev.quire.emulator.exec;

import dev.quire.bindings.Arm64Reg;
import dev.quire.bindings.Uc;
import dev.quire.bindings.UcArm64State;

/**
 * The registers of an arm64 core by their architectural names, for whoever looks at a vCPU from
 * outside: both stack pointers whichever is live, PSTATE as a whole. vCPU's thread, between runs.
 */
public final class Arm64RegisterFile {
  private static final long PSTATE_SP_SELECT = 1;
  private static final int EL_SHIFT = 2;

  private final Arm64Core core;
  private final UcArm64State state;
  private final Uc uc;

  public Arm64RegisterFile(Arm64Core core) {
    this.core = core;
    state = core.state();
    uc = core.uc();
  }

  /** X0 to X30. */
  public long x(int index) {
    return core.x(index);
  }

  public void setX(int index, long value) {
    core.setX(index, value);
  }

  public long pc() {
    return core.pc();
  }

  public void setPc(long pc) {
    core.setPc(pc);
  }

  /** As SPSR_EL1 would hold it. */
  public long pstate() {
    return core.pstate();
  }

  /** Changes PSTATE, and with it the stack pointer that is live. */
  public void setPstate(long pstate) {
    state.setSpBank(liveBank(), state.sp());
    state.setPstate(pstate);
    state.setSp(state.spBank(liveBank()));
    deriveFlags();
  }

  /** SP_EL0 or SP_EL1. */
  public long sp(int bank) {
    return bank == liveBank() ? state.sp() : state.spBank(bank);
  }

  public void setSp(int bank, long value) {
    if (bank == liveBank()) {
      state.setSp(value);
    } else {
      state.setSpBank(bank, value);
    }
  }

  private int liveBank() {
    long pstate = core.pstate();
    boolean el0 = (pstate >>> EL_SHIFT & 3) == 0;
    return el0 || (pstate & PSTATE_SP_SELECT) == 0 ? 0 : 1;
  }

  /** ELR_EL1. */
  public long elr() {
    return state.elr(1);
  }

  public void setElr(long value) {
    state.setElr(1, value);
  }

  /** Reads V0 to V31 into two longs, the low half first. */
  public void v(int index, long[] lowHigh) {
    uc.registers().read128(Arm64Reg.v(index), lowHigh);
  }

  public void setV(int index, long low, long high) {
    uc.registers().write128(Arm64Reg.v(index), low, high);
  }

  public int fpcr() {
    return (int) uc.registers().read(Arm64Reg.FPCR);
  }

  public void setFpcr(int value) {
    uc.registers().write(Arm64Reg.FPCR, Integer.toUnsignedLong(value));
  }

  public int fpsr() {
    return (int) uc.registers().read(Arm64Reg.FPSR);
  }

  public void setFpsr(int value) {
    uc.registers().write(Arm64Reg.FPSR, Integer.toUnsignedLong(value));
  }

  /** A system register write makes the core derive its flags from the new PSTATE. */
  private void deriveFlags() {
    core.writeSystem(SystemRegister.SPSR_EL1, core.readSystem(SystemRegister.SPSR_EL1));
  }
}
