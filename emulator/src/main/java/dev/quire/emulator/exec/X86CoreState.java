package dev.quire.emulator.exec;

import dev.quire.bindings.Uc;
import dev.quire.bindings.UcX86State;
import dev.quire.bindings.UcX86State.MsrField;
import dev.quire.bindings.X86Reg;
import dev.quire.emulator.device.DeviceState;
import dev.quire.emulator.device.StateReader;
import dev.quire.emulator.device.StateWriter;
import dev.quire.mmu.x86.ControlRegisters;

/**
 * What a guest can observe of an x86 core's registers, as architectural values: nothing in it
 * depends on the core's build. The control registers and EFER are the MMU's, which is loaded first;
 * CR8 is the local APIC's. Loading runs no instruction. vCPU's thread, between runs.
 */
public final class X86CoreState implements DeviceState {
  private static final int GENERAL = 16;
  private static final int SEGMENTS = UcX86State.TR + 1;
  private static final int FP_REGISTERS = 8;
  private static final int XMM_REGISTERS = 16;

  /** DR0 to DR3, DR6, DR7. */
  private static final int[] DEBUG = {0, 1, 2, 3, 6, 7};

  private static final int DR7_ENABLES = 0xff;

  private static final int[] FPU_CONTROL = {
    X86Reg.FPCW,
    X86Reg.FPSW,
    X86Reg.FPTAG,
    X86Reg.FIP,
    X86Reg.FCS,
    X86Reg.FDP,
    X86Reg.FDS,
    X86Reg.FOP,
    X86Reg.MXCSR
  };

  private static final MsrField[] MSRS = {
    MsrField.SYSENTER_CS,
    MsrField.SYSENTER_ESP,
    MsrField.SYSENTER_EIP,
    MsrField.STAR,
    MsrField.LSTAR,
    MsrField.CSTAR,
    MsrField.FMASK,
    MsrField.KERNEL_GS_BASE,
    MsrField.TSC_AUX
  };

  private final X86Core core;
  private final ControlRegisters controls;

  /**
   * @param controls of the MMU
   */
  public X86CoreState(X86Core core, ControlRegisters controls) {
    this.core = core;
    this.controls = controls;
  }

  /** Whether a hardware breakpoint is enabled: the core arms those only at MOV to DR7. */
  private boolean hasBreakpoints() {
    return (core.uc().registers().read(X86Reg.DR7) & DR7_ENABLES) != 0;
  }

  /**
   * @throws IllegalStateException if a hardware breakpoint is enabled
   */
  @Override
  public void save(StateWriter writer) {
    if (hasBreakpoints()) {
      throw new IllegalStateException(
          "a hardware breakpoint is enabled (DR7), which a snapshot cannot hold");
    }
    UcX86State state = core.state();
    writer.begin("x86-core", 1);
    for (int index = 0; index < GENERAL; index++) {
      writer.putLong(core.gpr(index));
    }
    writer.putLong(core.rip()).putLong(core.rflags()).putLong(core.cr2());
    writer.putByte(core.cpl()).putBoolean(core.interruptShadow());
    for (int index = 0; index < SEGMENTS; index++) {
      writer.putInt(state.segmentSelector(index)).putLong(state.segmentBase(index));
      writer.putInt(state.segmentLimit(index)).putInt(state.segmentFlags(index));
    }
    writer.putLong(state.gdtBase()).putInt(state.gdtLimit());
    writer.putLong(state.idtBase()).putInt(state.idtLimit());
    for (MsrField msr : MSRS) {
      writer.putLong(core.msr(msr));
    }
    saveFloatingPoint(writer);
    for (int index : DEBUG) {
      writer.putLong(core.uc().registers().read(X86Reg.DR0 + index));
    }
    writer.end();
  }

  private void saveFloatingPoint(StateWriter writer) {
    Uc uc = core.uc();
    for (int register : FPU_CONTROL) {
      writer.putLong(uc.registers().read(register));
    }
    long[] lowHigh = new long[2];
    for (int index = 0; index < FP_REGISTERS; index++) {
      uc.registers().read128(X86Reg.fp(index), lowHigh);
      writer.putLong(lowHigh[0]).putInt((int) lowHigh[1] & 0xffff);
    }
    for (int index = 0; index < XMM_REGISTERS; index++) {
      uc.registers().read128(X86Reg.xmm(index), lowHigh);
      writer.putLong(lowHigh[0]).putLong(lowHigh[1]);
    }
  }

  @Override
  public void load(StateReader reader) {
    UcX86State state = core.state();
    reader.begin("x86-core", 1);
    core.loadControlRegisters(controls);
    for (int index = 0; index < GENERAL; index++) {
      core.setGpr(index, reader.getLong());
    }
    core.setRip(reader.getLong());
    long rflags = reader.getLong();
    core.setCr2(reader.getLong());
    int cpl = reader.getInt8(0, 3, "CPL");
    core.setInterruptShadow(reader.getBoolean());
    for (int index = 0; index < SEGMENTS; index++) {
      loadSegment(reader, index, cpl);
    }
    state.setGdt(reader.getLong(), reader.getInt());
    state.setIdt(reader.getLong(), reader.getInt());
    for (MsrField msr : MSRS) {
      core.setMsr(msr, reader.getLong());
    }
    loadFloatingPoint(reader);
    for (int index : DEBUG) {
      core.uc().registers().write(X86Reg.DR0 + index, reader.getLong());
    }
    if (hasBreakpoints()) {
      throw reader.failure("hardware breakpoints are enabled, which cannot be restored");
    }
    core.setRflags(rflags);
    core.acknowledgeRaised();
    reader.end();
  }

  private void loadSegment(StateReader reader, int index, int cpl) {
    int selector = reader.getInt(0, 0xffff, "selector");
    long base = reader.getLong();
    int limit = reader.getInt();
    int attributes = reader.getInt();
    if (index == X86Core.CS) {
      core.loadCodeSegment(selector, base, limit, attributes, cpl);
    } else if (index >= UcX86State.LDT) {
      core.loadSystemSegment(index, selector, base, limit, attributes);
    } else {
      core.loadSegment(index, selector, base, limit, attributes);
    }
  }

  private void loadFloatingPoint(StateReader reader) {
    Uc uc = core.uc();
    for (int register : FPU_CONTROL) {
      uc.registers().write(register, reader.getLong());
    }
    for (int index = 0; index < FP_REGISTERS; index++) {
      long low = reader.getLong();
      uc.registers().write128(X86Reg.fp(index), low, reader.getInt(0, 0xffff, "x87 exponent"));
    }
    for (int index = 0; index < XMM_REGISTERS; index++) {
      long low = reader.getLong();
      uc.registers().write128(X86Reg.xmm(index), low, reader.getLong());
    }
  }
}
