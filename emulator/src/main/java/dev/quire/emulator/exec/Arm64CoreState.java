package dev.quire.emulator.exec;

import dev.quire.bindings.Arm64Reg;
import dev.quire.bindings.Uc;
import dev.quire.bindings.UcArm64State;
import dev.quire.emulator.device.DeviceState;
import dev.quire.emulator.device.StateReader;
import dev.quire.emulator.device.StateWriter;

/**
 * What a guest can observe of an arm64 core's registers, as architectural values: nothing in it
 * depends on the core's build. Loading runs no instruction; what the MMU keeps a copy of is for the
 * caller to hand on. vCPU's thread, between runs.
 */
public final class Arm64CoreState implements DeviceState {
  private static final int GENERAL = 31;
  private static final int VECTORS = 32;
  private static final int BANKS = 2;
  private static final int EXCLUSIVE_PARTS = 3;
  private static final int NIBBLE = 15;
  private static final int DFR0_BREAKPOINTS = 12;
  private static final int DFR0_WATCHPOINTS = 20;
  private static final int OP2_BREAKPOINT_VALUE = 4;
  private static final int OP2_WATCHPOINT_VALUE = 6;

  /** In the order of the file; the keys of pointer authentication follow. */
  private static final int[] SYSTEM = {
    SystemRegister.SCTLR_EL1,
    SystemRegister.CPACR_EL1,
    SystemRegister.TTBR0_EL1,
    SystemRegister.TTBR1_EL1,
    SystemRegister.TCR_EL1,
    SystemRegister.MAIR_EL1,
    SystemRegister.VBAR_EL1,
    SystemRegister.SPSR_EL1,
    SystemRegister.ESR_EL1,
    SystemRegister.FAR_EL1,
    SystemRegister.PAR_EL1,
    SystemRegister.CONTEXTIDR_EL1,
    SystemRegister.TPIDR_EL1,
    SystemRegister.TPIDR_EL0,
    SystemRegister.TPIDRRO_EL0,
    SystemRegister.CNTKCTL_EL1,
    SystemRegister.CSSELR_EL1,
  };

  private final Arm64Core core;

  public Arm64CoreState(Arm64Core core) {
    this.core = core;
  }

  @Override
  public void save(StateWriter writer) {
    // An interrupt that the core has just taken is counted now, not at its first instruction.
    core.noteInterrupt();
    UcArm64State state = core.state();
    writer.begin("arm64-core", 1);
    for (int index = 0; index < GENERAL; index++) {
      writer.putLong(core.x(index));
    }
    writer.putLong(core.pc()).putLong(core.pstate()).putLong(core.sp());
    for (int level = 0; level < BANKS; level++) {
      writer.putLong(state.spBank(level));
    }
    writer.putLong(state.elr(1));
    for (int part = 0; part < EXCLUSIVE_PARTS; part++) {
      writer.putLong(state.exclusive(part));
    }
    Uc uc = core.uc();
    writer
        .putInt((int) uc.registers().read(Arm64Reg.FPCR))
        .putInt((int) uc.registers().read(Arm64Reg.FPSR));
    long[] lowHigh = new long[2];
    for (int index = 0; index < VECTORS; index++) {
      uc.registers().read128(Arm64Reg.v(index), lowHigh);
      writer.putLong(lowHigh[0]).putLong(lowHigh[1]);
    }
    for (int register : SYSTEM) {
      writer.putLong(core.readSystem(register));
    }
    for (int key = 0; key < SystemRegister.POINTER_KEY_REGISTERS; key++) {
      writer.putLong(core.readSystem(SystemRegister.pointerKey(key)));
    }
    writer.putBoolean((core.readSystem(SystemRegister.OSLSR_EL1) & SystemRegister.OSLSR_OSLK) != 0);
    int[] debug = debugRegisters();
    writer.putInt(debug.length);
    for (int register : debug) {
      writer.putLong(core.readSystem(register));
    }
    writer.end();
  }

  /**
   * Values and controls of the core's breakpoints and watchpoints; MDSCR_EL1 never enables them.
   */
  private int[] debugRegisters() {
    long features = core.readSystem(SystemRegister.ID_AA64DFR0_EL1);
    int breakpoints = (int) (features >>> DFR0_BREAKPOINTS & NIBBLE) + 1;
    int watchpoints = (int) (features >>> DFR0_WATCHPOINTS & NIBBLE) + 1;
    int[] registers = new int[2 * (breakpoints + watchpoints)];
    int count = 0;
    for (int index = 0; index < breakpoints; index++) {
      registers[count++] = SystemRegister.of(2, 0, 0, index, OP2_BREAKPOINT_VALUE);
      registers[count++] = SystemRegister.of(2, 0, 0, index, OP2_BREAKPOINT_VALUE + 1);
    }
    for (int index = 0; index < watchpoints; index++) {
      registers[count++] = SystemRegister.of(2, 0, 0, index, OP2_WATCHPOINT_VALUE);
      registers[count++] = SystemRegister.of(2, 0, 0, index, OP2_WATCHPOINT_VALUE + 1);
    }
    return registers;
  }

  @Override
  public void load(StateReader reader) {
    UcArm64State state = core.state();
    reader.begin("arm64-core", 1);
    for (int index = 0; index < GENERAL; index++) {
      core.setX(index, reader.getLong());
    }
    state.setPc(reader.getLong());
    long pstate = reader.getLong(0, 0xffff_ffffL, "PSTATE");
    if ((pstate >>> 2 & 3) > 1 || (pstate & 1 << 4) != 0) {
      throw reader.failure("PSTATE 0x%x is neither EL0 nor EL1".formatted(pstate));
    }
    state.setSp(reader.getLong());
    for (int level = 0; level < BANKS; level++) {
      state.setSpBank(level, reader.getLong());
    }
    state.setElr(1, reader.getLong());
    long[] exclusive = new long[EXCLUSIVE_PARTS];
    for (int part = 0; part < EXCLUSIVE_PARTS; part++) {
      exclusive[part] = reader.getLong();
    }
    Uc uc = core.uc();
    uc.registers().write(Arm64Reg.FPCR, Integer.toUnsignedLong(reader.getInt()));
    uc.registers().write(Arm64Reg.FPSR, Integer.toUnsignedLong(reader.getInt()));
    for (int index = 0; index < VECTORS; index++) {
      long low = reader.getLong();
      uc.registers().write128(Arm64Reg.v(index), low, reader.getLong());
    }
    state.setPstate(pstate);
    for (int register : SYSTEM) {
      core.writeSystem(register, reader.getLong());
    }
    for (int key = 0; key < SystemRegister.POINTER_KEY_REGISTERS; key++) {
      core.writeSystem(SystemRegister.pointerKey(key), reader.getLong());
    }
    core.writeSystem(SystemRegister.OSLAR_EL1, reader.getBoolean() ? 1 : 0);
    int[] debug = debugRegisters();
    reader.getInt(debug.length, debug.length, "number of debug registers");
    for (int register : debug) {
      core.writeSystem(register, reader.getLong());
    }
    for (int part = 0; part < EXCLUSIVE_PARTS; part++) {
      state.setExclusive(part, exclusive[part]);
    }
    reader.end();
  }
}
