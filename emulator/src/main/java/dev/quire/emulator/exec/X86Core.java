package dev.quire.emulator.exec;

import dev.quire.bindings.Uc;
import dev.quire.bindings.UcX86State;
import dev.quire.bindings.X86Reg;
import dev.quire.emulator.decode.CodeMode;
import dev.quire.mmu.x86.ControlRegisters;

/**
 * The registers of a Unicorn x86 core, with the derived flags ("hflags" of QEMU's
 * target/i386/cpu.h) kept true. vCPU's thread only.
 */
public final class X86Core implements X86CpuState {
  private static final int SEGMENT_L = 1 << 21;
  private static final int SEGMENT_D = 1 << 22;
  private static final long EFER_LMA = 1L << 10;
  private static final long CR0_PE = 1;
  private static final long RFLAGS_RF = 1L << 16;
  private static final long RFLAGS_VM = 1L << 17;
  private static final long PAGE_MASK = -1L << 12;
  private static final long LOW_32 = 0xffff_ffffL;

  private final Uc uc;
  private final UcX86State state;
  private TaskPriority taskPriority = TaskPriority.NONE;

  /** CR8, which lives in the local APIC. */
  public interface TaskPriority {
    TaskPriority NONE =
        new TaskPriority() {
          @Override
          public long cr8() {
            return 0;
          }

          @Override
          public void setCr8(long value) {}
        };

    long cr8();

    void setCr8(long value);
  }

  X86Core(Uc uc, UcX86State state) {
    this.uc = uc;
    this.state = state;
  }

  UcX86State state() {
    return state;
  }

  Uc uc() {
    return uc;
  }

  public void attach(TaskPriority priority) {
    taskPriority = priority;
  }

  @Override
  public long gpr(int index) {
    return state.gpr(index);
  }

  @Override
  public void setGpr(int index, long value) {
    state.setGpr(index, value);
  }

  @Override
  public long rip() {
    return state.rip();
  }

  @Override
  public void setRip(long rip) {
    state.setRip(rip);
  }

  /** The linear address of the next instruction. */
  public long linearPc() {
    long base = state.segmentBase(CS);
    return codeMode() == CodeMode.BITS_64 ? state.rip() : base + state.rip() & LOW_32;
  }

  /** How the next instruction decodes. */
  public CodeMode codeMode() {
    int hflags = state.hflags();
    if ((hflags & UcX86State.HF_CS64) != 0) {
      return CodeMode.BITS_64;
    }
    return (hflags & UcX86State.HF_CS32) != 0 ? CodeMode.BITS_32 : CodeMode.BITS_16;
  }

  @Override
  public long rflags() {
    return state.rflags();
  }

  @Override
  public void setRflags(long rflags) {
    state.setRflags(rflags);
    refreshAddressing();
  }

  @Override
  public long controlFlags() {
    return state.eflags();
  }

  /** Sets or clears RFLAGS.RF, from which nothing else follows. */
  public void setResumeFlag(boolean set) {
    long flags = state.eflags();
    state.setEflags(set ? flags | RFLAGS_RF : flags & ~RFLAGS_RF);
  }

  @Override
  public int cpl() {
    return state.hflags() & UcX86State.HF_CPL_MASK;
  }

  @Override
  public long segmentBase(int segment) {
    return state.segmentBase(segment);
  }

  @Override
  public int segmentSelector(int segment) {
    return state.segmentSelector(segment);
  }

  @Override
  public int segmentLimit(int segment) {
    return state.segmentLimit(segment);
  }

  @Override
  public int segmentAttributes(int segment) {
    return state.segmentFlags(segment);
  }

  @Override
  public void loadSegment(int segment, int selector, long base, int limit, int attributes) {
    state.setSegment(segment, selector, base, limit, attributes);
    refreshAddressing();
  }

  @Override
  public void loadCodeSegment(int selector, long base, int limit, int attributes, int cpl) {
    state.setSegment(CS, selector, base, limit, attributes);
    state.setHflags(state.hflags() & ~UcX86State.HF_CPL_MASK | cpl);
    refreshAddressing();
  }

  /** Brings CS32, CS64, SS32 and ADDSEG up to date, as QEMU's cpu_x86_load_seg_cache does. */
  private void refreshAddressing() {
    int hflags =
        state.hflags()
            & ~(UcX86State.HF_CS32
                | UcX86State.HF_CS64
                | UcX86State.HF_SS32
                | UcX86State.HF_ADDSEG);
    int code = state.segmentFlags(CS);
    if ((state.hflags() & UcX86State.HF_LMA) != 0 && (code & SEGMENT_L) != 0) {
      state.setHflags(hflags | UcX86State.HF_CS32 | UcX86State.HF_SS32 | UcX86State.HF_CS64);
      return;
    }
    boolean code32 = (code & SEGMENT_D) != 0;
    hflags |= code32 ? UcX86State.HF_CS32 : 0;
    hflags |= (state.segmentFlags(SS) & SEGMENT_D) != 0 ? UcX86State.HF_SS32 : 0;
    boolean flat =
        (state.cr(0) & CR0_PE) != 0
            && (state.eflags() & RFLAGS_VM) == 0
            && code32
            && (state.segmentBase(DS) | state.segmentBase(ES) | state.segmentBase(SS)) == 0;
    state.setHflags(flat ? hflags : hflags | UcX86State.HF_ADDSEG);
  }

  @Override
  public long gdtrBase() {
    return state.gdtBase();
  }

  @Override
  public int gdtrLimit() {
    return state.gdtLimit();
  }

  @Override
  public long idtrBase() {
    return state.idtBase();
  }

  @Override
  public int idtrLimit() {
    return state.idtLimit();
  }

  public void setGdtr(long base, int limit) {
    state.setGdt(base, limit);
  }

  public void setIdtr(long base, int limit) {
    state.setIdt(base, limit);
  }

  @Override
  public long ldtrBase() {
    return state.segmentBase(UcX86State.LDT);
  }

  @Override
  public int ldtrLimit() {
    return state.segmentLimit(UcX86State.LDT);
  }

  @Override
  public int trSelector() {
    return state.segmentSelector(UcX86State.TR);
  }

  @Override
  public long trBase() {
    return state.segmentBase(UcX86State.TR);
  }

  @Override
  public int trLimit() {
    return state.segmentLimit(UcX86State.TR);
  }

  @Override
  public int trAttributes() {
    return state.segmentFlags(UcX86State.TR);
  }

  /** Whether the page of {@code va} holds part of the GDT, the LDT or the task state segment. */
  boolean isInTables(long va) {
    return isInPageOf(va, state.gdtBase(), state.gdtLimit())
        || isInPageOf(va, ldtrBase(), ldtrLimit())
        || isInPageOf(va, trBase(), trLimit());
  }

  private static boolean isInPageOf(long va, long base, int limit) {
    long first = base & PAGE_MASK;
    long last = base + Integer.toUnsignedLong(limit) & PAGE_MASK;
    return (va & PAGE_MASK) - first >= 0 && last - (va & PAGE_MASK) >= 0;
  }

  /** Loads LDTR ({@code table} is {@link UcX86State#LDT}) or TR without checks. */
  public void loadSystemSegment(int table, int selector, long base, int limit, int attributes) {
    state.setSegment(table, selector, base, limit, attributes);
  }

  @Override
  public long cr0() {
    return state.cr(0);
  }

  @Override
  public long cr2() {
    return state.cr(2);
  }

  @Override
  public void setCr2(long linear) {
    state.setCr(2, linear);
  }

  @Override
  public long cr3() {
    return state.cr(3);
  }

  @Override
  public long cr4() {
    return state.cr(4);
  }

  @Override
  public long cr8() {
    return taskPriority.cr8();
  }

  public void setCr8(long value) {
    taskPriority.setCr8(value);
  }

  @Override
  public long efer() {
    return state.efer();
  }

  /** Gives the core the control registers that the MMU holds. */
  public void loadControlRegisters(ControlRegisters registers) {
    state.setCr(3, registers.cr3());
    if (registers.cr4() != state.cr(4)) {
      uc.registers().write(X86Reg.CR4, registers.cr4());
    }
    if (registers.cr0() != state.cr(0)) {
      uc.registers().write(X86Reg.CR0, registers.cr0());
    }
    long efer = registers.efer();
    state.setEfer(efer);
    int hflags = state.hflags() & ~UcX86State.HF_LMA;
    state.setHflags((efer & EFER_LMA) != 0 ? hflags | UcX86State.HF_LMA : hflags);
    refreshAddressing();
  }

  @Override
  public boolean interruptShadow() {
    return (state.hflags() & UcX86State.HF_INHIBIT_IRQ) != 0;
  }

  @Override
  public void setInterruptShadow(boolean shadow) {
    int hflags = state.hflags() & ~UcX86State.HF_INHIBIT_IRQ;
    state.setHflags(shadow ? hflags | UcX86State.HF_INHIBIT_IRQ : hflags);
  }

  /** The error code of the exception the core raised. */
  public int raisedErrorCode() {
    return state.errorCode();
  }

  /** Whether what the core raised is a software interrupt; the program counter is behind it. */
  public boolean raisedBySoftware() {
    return state.exceptionIsInt() != 0;
  }

  /** Forgets what the core raised: without this the next exception would look like a nested one. */
  public void acknowledgeRaised() {
    state.setOldException(-1);
    state.setExceptionIsInt(0);
  }

  /** A debug register, 0 to 7; 4 and 5 are not there. */
  public long debugRegister(int number) {
    return uc.registers().read(X86Reg.DR0 + number);
  }

  /** Stores a debug register. The core arms hardware breakpoints at MOV to DR7 only, not here. */
  public void setDebugRegister(int number, long value) {
    uc.registers().write(X86Reg.DR0 + number, value);
  }

  /** A field behind an MSR. */
  public long msr(UcX86State.MsrField field) {
    return state.msrField(field);
  }

  public void setMsr(UcX86State.MsrField field, long value) {
    state.setMsrField(field, value);
  }

  public void setSegmentBase(int segment, long base) {
    state.setSegmentBase(segment, base);
  }
}
