package dev.quire.emulator.exec;

import dev.quire.bindings.BlockCounter;
import dev.quire.bindings.Uc;
import dev.quire.bindings.UcArm64State;
import dev.quire.bindings.UcConst;
import dev.quire.emulator.decode.AccessKind;
import dev.quire.emulator.decode.Arm64Access;
import dev.quire.emulator.decode.Arm64AccessDecoder;
import dev.quire.emulator.decode.Arm64FatalEncodings;
import dev.quire.emulator.decode.Arm64InstructionKinds;
import dev.quire.emulator.vcpu.arm64.Arm64CpuState;
import dev.quire.mmu.Access;
import dev.quire.mmu.FaultRecord;
import dev.quire.mmu.Order;
import dev.quire.mmu.PhysicalMemory;
import dev.quire.mmu.Protection;
import dev.quire.mmu.Translation;

/**
 * Unicorn's "max" arm64 core at EL1 and EL0, with EL2 and EL3 kept as hidden firmware: they make
 * EL1 AArch64 and non-secure, route debug steps away from the guest and hold the virtual interrupt
 * lines. Stepping uses the architecture's software step, taken to the hidden EL2.
 */
public final class Arm64Engine extends UnicornEngine implements Arm64CpuState {
  /** UC_HOOK_INTR numbers of QEMU's arm64 target. */
  public static final int TRAP_UNDEFINED = 1;

  public static final int TRAP_SVC = 2;
  public static final int TRAP_PREFETCH_ABORT = 3;
  public static final int TRAP_DATA_ABORT = 4;
  public static final int TRAP_BREAKPOINT = 7;
  public static final int TRAP_HVC = 11;
  public static final int TRAP_SMC = 13;

  private static final int CPU_MODEL_MAX = 3;
  private static final int PAGE_BYTES = 4096;
  private static final int INSTRUCTION_BYTES = 4;

  /** DCZID_EL0.BS of the core is 4: 16 words. */
  private static final int ZVA_BYTES = 64;

  private static final int TCG_BUFFER_BYTES = 64 << 20;

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
  private static final long PSTATE_PAN = 1L << 22;
  private static final long PSTATE_UAO = 1L << 23;
  private static final long PSTATE_SP_SELECT = 1;
  private static final long SPSR_EL1_BIT = 1 << 2;
  private static final long PSTATE_RESET = 0x3c5;
  private static final long SCTLR_RESET = 0x30d0_0800L;
  private static final long SCTLR_DZE = 1 << 14;
  private static final int EC_SHIFT = 26;
  private static final long SCTLR_TRAPS = 1 << 1 | 1 << 3 | 1 << 4;
  private static final long VBAR_RES0 = 0x7ff;

  /** Stands where the core notes the level it takes an exception to, until it takes one. */
  private static final int NO_EXCEPTION = 0x51;

  private static final int EC_SOFTWARE_STEP_LOWER = 0x32;
  private static final int CRN_TLBI = 8;
  private static final int CRM_TLBI = 7;
  private static final int CRM_TLBI_INNER_SHAREABLE = 3;
  private static final int OP1_EL0 = 3;
  private static final int WFI = 0xd503207f;

  private final UcArm64State state;
  private final PhysicalMemory memory;
  private final SystemRegisterHandler registers;
  private long lines;
  private final CodeCoherence coherence;
  private final Arm64Traps traps = new Arm64Traps();
  private final Arm64CodeWatch watch;
  private Runnable interruptTaken = () -> {};
  private boolean steppingWfi;
  private boolean judged;
  private boolean controlsChanged = true;
  private boolean stopsToStep;
  private boolean stepsNext;

  private Arm64Engine(
      Uc uc,
      UcArm64State state,
      BlockCounter blocks,
      CodeCoherence coherence,
      BouncePage[] bounces,
      PhysicalMemory memory,
      SystemRegisterHandler registers) {
    super(uc, blocks, coherence, bounces);
    this.state = state;
    this.memory = memory;
    this.registers = registers;
    this.coherence = coherence;
    watch =
        new Arm64CodeWatch(
            uc.hooks(),
            memory,
            new Arm64CodeWatch.Callbacks(
                uc.hooks().codeCallback((va, bytes) -> noteException()),
                uc.hooks().codeCallback(this::stackWritten),
                uc.hooks().codeCallback(this::exceptionReturns),
                uc.hooks().codeCallback(this::isToBeStepped)));
  }

  /** Opens a core on the machine's memory; the calling thread owns it. */
  public static Arm64Engine open(EngineMemory shared, SystemRegisterHandler registers) {
    Uc uc = Uc.open(UcConst.ARCH_ARM64, UcConst.MODE_ARM);
    uc.pageSize(PAGE_BYTES);
    uc.cpuModel(CPU_MODEL_MAX);
    uc.setTcgBufferSize(TCG_BUFFER_BYTES);
    uc.tlbTypeVirtual();
    uc.useExits(true);
    UcArm64State state = UcArm64State.of(uc);
    shared.map(uc);
    Arm64Engine engine =
        new Arm64Engine(
            uc,
            state,
            BlockCounter.forArm64(uc),
            shared.coherence(),
            shared.bounces(),
            shared.memory(),
            registers);
    engine.initialise();
    engine.start();
    return engine;
  }

  private void initialise() {
    writeSystem(SystemRegister.SCR_EL3, SCR_NS_HCE_RW_APK_API);
    writeSystem(SystemRegister.MDCR_EL2, MDCR_TDE | MDCR_TPM_TPMCR);
    writeLines(0);
    state.setExceptionTargetEl(NO_EXCEPTION);
    uc.hooks().interrupt(this::raised);
    uc.hooks().mrs(this::mrs);
    uc.hooks().msr(this::msr);
    uc.hooks().sys(this::sys);
  }

  private void raised(int number) {
    judged = false;
    state.setExceptionTargetEl(NO_EXCEPTION);
    trap(number);
  }

  /** Told whenever the core has taken an IRQ or FIQ, before the next instruction. */
  public void onInterruptTaken(Runnable observer) {
    interruptTaken = observer;
  }

  /** Of the exceptions only interrupts are taken by the core, and leave no other trace. */
  private void noteException() {
    if (state.exceptionTargetEl() != NO_EXCEPTION) {
      state.setExceptionTargetEl(NO_EXCEPTION);
      interruptTaken.run();
    }
  }

  private void stackWritten(long va, int bytes) {
    if (!isStepping() && isStackCheckDue()) {
      stopToStep();
    }
  }

  private void exceptionReturns(long va, int bytes) {
    long spsr = state.systemRegister(UcArm64State.SystemRegister.SPSR_EL1);
    int bank = (spsr & PSTATE_SP_SELECT) == 0 ? 0 : 1;
    boolean live = bank == (state.pstateRest() & PSTATE_SP_SELECT);
    long sp = live ? state.sp() : state.spBank(bank);
    int el = (spsr & SPSR_EL1_BIT) == 0 ? 0 : 1;
    if (traps.checksStackPointer(el) && !Arm64Traps.isStackAligned(sp)) {
      isToBeStepped(va, bytes);
    }
  }

  private void isToBeStepped(long va, int bytes) {
    if (!isStepping()) {
      stepsNext = true;
      stopToStep();
    }
  }

  private void stopToStep() {
    stopsToStep = true;
    uc.emuStop();
  }

  private boolean isStackCheckDue() {
    return traps.checksStackPointer(state.el()) && !Arm64Traps.isStackAligned(state.sp());
  }

  private boolean mrs(int rt, long value, int crn, int crm, int op0, int op1, int op2) {
    int register = SystemRegister.of(op0, op1, crn, crm, op2);
    if (isUnknownToCore(register)
        || registers.read(register) == SystemRegisterHandler.Answer.NATIVE) {
      return false;
    }
    state.setX(rt, registers.value());
    return true;
  }

  private boolean msr(int rt, long value, int crn, int crm, int op0, int op1, int op2) {
    int register = SystemRegister.of(op0, op1, crn, crm, op2);
    if (isUnknownToCore(register)) {
      return false;
    }
    if (changesControls(register, value) && state.el() == 1) {
      controlsChanged = true;
      kick();
    }
    return registers.write(register, value) == SystemRegisterHandler.Answer.DONE;
  }

  private boolean changesControls(int register, long value) {
    if (register == SystemRegister.VBAR_EL1) {
      return !watch.watchesVectors(value & ~VBAR_RES0);
    }
    return register == SystemRegister.CPACR_EL1
        || register == SystemRegister.SCTLR_EL1 && ((value ^ sctlrEl1()) & SCTLR_TRAPS) != 0;
  }

  @Override
  void prepare() {
    if (controlsChanged || watch.isCrowded()) {
      takeUpControls();
    }
  }

  private void takeUpControls() {
    controlsChanged = false;
    long vbar = vbarEl1() & ~VBAR_RES0;
    boolean stale = !watch.watchesVectors(vbar);
    watch.watchVectors(vbar);
    stale |= traps.update(sctlrEl1(), readSystem(SystemRegister.CPACR_EL1));
    if (stale || watch.isCrowded()) {
      watch.forgetCode();
      flushAll();
      flushCode();
    }
  }

  @Override
  boolean mustStep() {
    boolean must = stepsNext || traps.checksAlignment() || isStackCheckDue();
    stepsNext = false;
    return must;
  }

  @Override
  boolean stoppedToStep() {
    boolean stopped = stopsToStep;
    stopsToStep = false;
    return stopped;
  }

  private boolean sys(int rt, long value, int crn, int crm, int op0, int op1, int op2) {
    int register = SystemRegister.of(op0, op1, crn, crm, op2);
    if (register == SystemRegister.DC_ZVA && isMeasured()) {
      return zeroBlock(value);
    }
    return !isUnknownToCore(register)
        && registers.system(register, value) == SystemRegisterHandler.Answer.DONE;
  }

  /**
   * DC ZVA of a measured run: the core would store byte by byte, and report each byte. Left to it
   * where it traps or faults.
   */
  private boolean zeroBlock(long va) {
    if (state.el() == 0 && (readSystem(SystemRegister.SCTLR_EL1) & SCTLR_DZE) == 0) {
      return false;
    }
    int access = accessOf(va, Access.WRITE);
    if (Translation.failed(mmu.probe(va, access))) {
      return false;
    }
    long translation = mmu.translate(va, access);
    accessed(va, Access.WRITE);
    coherence.hostWrote(Translation.pfn(translation));
    long pa = Translation.pa(translation) | va & PAGE_BYTES - ZVA_BYTES;
    for (int offset = 0; offset < ZVA_BYTES; offset += Long.BYTES) {
      memory.writeLong(pa + offset, 0);
    }
    return true;
  }

  /**
   * Skipping an instruction the core does not know makes it run the block for ever, so these are
   * left to it: it raises an undefined exception, and the host performs them then.
   */
  private static boolean isUnknownToCore(int register) {
    if (SystemRegister.op0(register) == 1) {
      boolean tlbi = SystemRegister.crn(register) == CRN_TLBI;
      int crm = SystemRegister.crm(register);
      return tlbi && crm != CRM_TLBI && crm != CRM_TLBI_INNER_SHAREABLE;
    }
    return SystemRegister.op1(register) > OP1_EL0
        || register == SystemRegister.CNTPCTSS_EL0
        || register == SystemRegister.CNTVCTSS_EL0;
  }

  /** Drives the virtual IRQ and FIQ lines; the core takes them when PSTATE allows. */
  public void setInterruptLines(boolean irq, boolean fiq) {
    long wanted = (irq ? HCR_VI : 0) | (fiq ? HCR_VF : 0);
    if (wanted != lines) {
      writeLines(wanted);
    }
  }

  private void writeLines(long wanted) {
    lines = wanted;
    writeSystem(SystemRegister.HCR_EL2, HCR_RW_APK_API | HCR_IMO | HCR_FMO | wanted);
  }

  /** Reads a system register of the core. */
  public long readSystem(int register) {
    return uc.cpRead(
        SystemRegister.crn(register),
        SystemRegister.crm(register),
        SystemRegister.op0(register),
        SystemRegister.op1(register),
        SystemRegister.op2(register));
  }

  /** Writes a system register of the core; never a constant one. */
  public void writeSystem(int register, long value) {
    uc.cpWrite(
        SystemRegister.crn(register),
        SystemRegister.crm(register),
        SystemRegister.op0(register),
        SystemRegister.op1(register),
        SystemRegister.op2(register),
        value);
  }

  @Override
  long entryPc() {
    return state.pc();
  }

  @Override
  long linearPc() {
    return state.pc();
  }

  @Override
  long faultAddress() {
    return state.invalidAddr();
  }

  @Override
  int accessOf(long va, int type) {
    if (state.el() == 0) {
      return type | Access.USER;
    }
    if (type == Access.FETCH) {
      return type;
    }
    int pstate = state.pstateRest();
    int dataAllowed = (pstate & PSTATE_PAN) == 0 ? Access.USER_DATA_ALLOWED : 0;
    boolean unprivileged =
        (pstate & PSTATE_UAO) == 0
            && Arm64Access.isUnprivileged(Arm64AccessDecoder.decode(instructionAtPc()));
    return unprivileged ? type | Access.USER : type | dataAllowed;
  }

  @Override
  int accessIntended(long va, int access) {
    return Arm64Access.kind(Arm64AccessDecoder.decode(instructionAtPc())) == AccessKind.READ_WRITE
        ? Access.withType(access, Access.WRITE)
        : access;
  }

  /** The instruction word at the program counter, 0 (undefined) if it cannot be read. */
  public int instructionAtPc() {
    return instructionAt(state.pc());
  }

  /** The instruction word at {@code va}, 0 (undefined) if it cannot be read. */
  public int instructionAt(long va) {
    int access = state.el() == 0 ? Access.FETCH | Access.USER : Access.FETCH;
    long translation = mmu.probe(va, access);
    return Translation.failed(translation)
        ? 0
        : memory.readInt(Translation.pa(translation) | va & PAGE_BYTES - 1 & -INSTRUCTION_BYTES);
  }

  /** Whether stage 1 would refuse this access; the MMU's fault record is reused. */
  public boolean guestRefuses(long va, int access) {
    long translation = mmu.probe(va, access);
    return Translation.failed(translation) && Translation.kind(translation) == FaultRecord.GUEST;
  }

  @Override
  int instructionsBefore(long blockPc, int sizeBytes, int offsetBytes) {
    return offsetBytes / INSTRUCTION_BYTES;
  }

  @Override
  boolean hostPerformsNext() {
    return false;
  }

  /**
   * A page with a word that the core cannot translate is stepped through, as is one with words that
   * trap and the core does not know it.
   */
  @Override
  boolean isTranslatable(long va, long pfn) {
    return isHarmless(pfn) && !(traps.trapsFloatingPoint(state.el()) && holdsFloatingPoint(pfn));
  }

  private boolean holdsFloatingPoint(long pfn) {
    long pa = pfn << Order.BASE_PAGE_SHIFT;
    for (int offset = 0; offset < PAGE_BYTES; offset += INSTRUCTION_BYTES) {
      if (Arm64InstructionKinds.isFloatingPoint(memory.readInt(pa + offset))) {
        return true;
      }
    }
    return false;
  }

  private boolean isHarmless(long pfn) {
    if (coherence.isVetted(pfn)) {
      return true;
    }
    long pa = pfn << Order.BASE_PAGE_SHIFT;
    for (int offset = 0; offset < PAGE_BYTES; offset += INSTRUCTION_BYTES) {
      if (Arm64FatalEncodings.isFatal(memory.readInt(pa + offset))) {
        return false;
      }
    }
    coherence.setVetted(pfn);
    return true;
  }

  @Override
  boolean storesOnce() {
    long access = Arm64AccessDecoder.decode(instructionAtPc());
    int bytes = Arm64Access.bytes(access);
    return Arm64Access.kind(access).faultsAsWrite()
        && !Arm64Access.isZeroBlock(access)
        && Arm64Access.registers(access) == 1
        && bytes <= Long.BYTES
        && (Arm64Access.address(access, this, state.pc()) & bytes - 1) == 0;
  }

  /** A step translates one word, which {@link #beforeStep} has judged. */
  @Override
  long steppedPage(long va, long pfn) {
    return pfn << Order.BASE_PAGE_SHIFT | Protection.READ | Protection.EXEC;
  }

  @Override
  void grantedExecute(long va, long pfn) {
    watch.lookThrough(va, pfn, traps.checksAnyStackPointer());
  }

  @Override
  void forgetCode(long pfn) {
    watch.forget(pfn);
  }

  @Override
  EngineExit beforeStep() {
    if (state.pc() % INSTRUCTION_BYTES != 0) {
      return null;
    }
    int raised = traps.raisedBy(instructionAtPc(), this);
    judged = raised != NO_TRAP;
    return judged ? new EngineExit.Trap(raised) : null;
  }

  @Override
  boolean interruptDeliverable() {
    long daif = state.daif();
    return (lines & HCR_VI) != 0 && (daif & DAIF_I) == 0
        || (lines & HCR_VF) != 0 && (daif & DAIF_F) == 0;
  }

  /** Taken by the core, but not under software step, which would be saved in SPSR_EL1. */
  @Override
  EngineExit takeInterrupt() {
    return enterOnly();
  }

  @Override
  void beginStep() {
    steppingWfi = instructionAtPc() == WFI;
    state.setPstate(state.pstate() | PSTATE_SS);
    writeSystem(SystemRegister.MDSCR_EL1, MDSCR_SS);
  }

  @Override
  boolean endStep(int trap) {
    state.setPstate(state.pstate() & ~PSTATE_SS);
    writeSystem(SystemRegister.MDSCR_EL1, 0);
    return trap == TRAP_UNDEFINED && isSoftwareStep(raisedSyndrome())
        || trap == NO_TRAP && blocks.reason() == BlockCounter.REASON_STEP;
  }

  @Override
  boolean haltedNatively() {
    return instructionAt(state.pc() - INSTRUCTION_BYTES) == WFI;
  }

  @Override
  boolean steppedIntoHalt() {
    return steppingWfi;
  }

  private static boolean isSoftwareStep(long syndrome) {
    return (syndrome >>> EC_SHIFT & ~1L) == EC_SOFTWARE_STEP_LOWER;
  }

  @Override
  public void flushPage(long va) {
    flushAll();
  }

  // Arm64CpuState

  @Override
  public long x(int index) {
    return index == 31 ? 0 : state.x(index);
  }

  @Override
  public void setX(int index, long value) {
    if (index != 31) {
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

  /** Starts at {@code entryPc} in EL1h with everything masked and the MMU off. */
  public void reset(long entryPc, long x0) {
    for (int index = 0; index < 31; index++) {
      state.setX(index, 0);
    }
    state.setX(0, x0);
    state.setSp(0);
    state.setPstate(PSTATE_RESET);
    writeSystem(SystemRegister.SCTLR_EL1, SCTLR_RESET);
    writeSystem(SystemRegister.CPACR_EL1, 0);
    controlsChanged = true;
    state.setPc(entryPc);
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
    noteException();
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
    if (judged) {
      return traps.syndrome();
    }
    return Integer.toUnsignedLong(state.exceptionSyndrome());
  }

  @Override
  public long raisedAddress() {
    return judged ? traps.address() : state.exceptionVaddress();
  }
}
