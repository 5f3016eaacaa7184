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
import dev.quire.mmu.Access;
import dev.quire.mmu.FaultRecord;
import dev.quire.mmu.Order;
import dev.quire.mmu.PhysicalMemory;
import dev.quire.mmu.Protection;
import dev.quire.mmu.Translation;

/**
 * Unicorn's "max" arm64 core at EL1 and EL0. Stepping uses the architecture's software step, taken
 * to the hidden EL2.
 */
public final class Arm64Engine extends UnicornEngine {
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

  /** Room for translated code where there is no reason for another size. */
  public static final int TRANSLATION_BYTES = 64 << 20;

  private static final int EC_SHIFT = 26;
  private static final long SCTLR_TRAPS = 1 << 1 | 1 << 3 | 1 << 4;
  private static final long VBAR_RES0 = 0x7ff;

  private static final int EC_SOFTWARE_STEP_LOWER = 0x32;
  private static final int WFI = 0xd503207f;

  private final Arm64Core core;
  private final UcArm64State state;
  private final PhysicalMemory memory;
  private final CodeCoherence coherence;
  private final Arm64Traps traps = new Arm64Traps();
  private final Arm64CodeWatch watch;
  private boolean steppingWfi;
  private boolean controlsChanged = true;
  private boolean stopsToStep;
  private boolean stepsNext;

  private Arm64Engine(Uc uc, Arm64Core core, BlockCounter blocks, EngineMemory shared) {
    super(uc, blocks);
    this.core = core;
    state = core.state();
    memory = shared.memory();
    coherence = shared.coherence();
    watch =
        new Arm64CodeWatch(
            uc.hooks(),
            memory,
            new Arm64CodeWatch.Callbacks(
                uc.hooks().codeCallback((va, bytes) -> core.noteInterrupt()),
                uc.hooks().codeCallback(this::stackWritten),
                uc.hooks().codeCallback(this::exceptionReturns),
                uc.hooks().codeCallback(this::isToBeStepped)));
  }

  /** Opens a core on the machine's memory; the calling thread owns it. */
  public static Arm64Engine open(EngineMemory shared, SystemRegisterHandler registers) {
    return open(shared, TRANSLATION_BYTES, registers);
  }

  /** The same with so much room for translated code. */
  public static Arm64Engine open(
      EngineMemory shared, int translationBytes, SystemRegisterHandler registers) {
    Uc uc = Uc.open(UcConst.ARCH_ARM64, UcConst.MODE_ARM);
    uc.pageSize(PAGE_BYTES);
    uc.cpuModel(CPU_MODEL_MAX);
    uc.setTcgBufferSize(translationBytes);
    uc.tlbTypeVirtual();
    uc.useExits(true);
    UcArm64State state = UcArm64State.of(uc);
    shared.map(uc);
    Arm64Core core = new Arm64Core(uc, state);
    Arm64Engine engine = new Arm64Engine(uc, core, BlockCounter.forArm64(uc), shared);
    uc.hooks().interrupt(engine::raised);
    new Arm64SystemAccesses(engine, registers, shared).hook(uc);
    engine.start(shared);
    return engine;
  }

  /** The registers. */
  public Arm64Core core() {
    return core;
  }

  /** Starts at {@code entryPc} in EL1h with everything masked and the MMU off. */
  public void reset(long entryPc, long x0) {
    core.reset(entryPc, x0);
    controlsChanged = true;
  }

  private void raised(int number) {
    core.raisedByCore();
    trap(number);
  }

  private void stackWritten(long va, int bytes) {
    if (!isStepping() && isStackCheckDue()) {
      stopToStep();
    }
  }

  private void exceptionReturns(long va, int bytes) {
    if (traps.checksStackPointer(core.returnLevel())
        && !Arm64Traps.isStackAligned(core.returnSp())) {
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

  /** EL1 writes a system register: what the traps depend on is taken up before the next block. */
  void noteControl(int register, long value) {
    if (changesControls(register, value)) {
      controlsChanged = true;
      kick();
    }
  }

  private boolean changesControls(int register, long value) {
    if (register == SystemRegister.VBAR_EL1) {
      return !watch.watchesVectors(value & ~VBAR_RES0);
    }
    return register == SystemRegister.CPACR_EL1
        || register == SystemRegister.SCTLR_EL1 && ((value ^ core.sctlrEl1()) & SCTLR_TRAPS) != 0;
  }

  @Override
  void prepare() {
    if (controlsChanged || watch.isCrowded()) {
      takeUpControls();
    }
  }

  private void takeUpControls() {
    controlsChanged = false;
    long vbar = core.vbarEl1() & ~VBAR_RES0;
    boolean stale = !watch.watchesVectors(vbar);
    watch.watchVectors(vbar);
    stale |= traps.update(core.sctlrEl1(), core.readSystem(SystemRegister.CPACR_EL1));
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

  /** Drives the virtual IRQ and FIQ lines; the core takes them when PSTATE allows. */
  public void setInterruptLines(boolean irq, boolean fiq) {
    core.setInterruptLines(irq, fiq);
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
    int dataAllowed = core.isPrivilegedAccessNever() ? 0 : Access.USER_DATA_ALLOWED;
    boolean unprivileged =
        !core.isUserAccessOverride()
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
        && (Arm64Access.address(access, core, state.pc()) & bytes - 1) == 0;
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
    int raised = traps.raisedBy(instructionAtPc(), core);
    if (raised == NO_TRAP) {
      return null;
    }
    core.raisedByHost(traps.syndrome(), traps.address());
    return new EngineExit.Trap(raised);
  }

  @Override
  boolean interruptDeliverable() {
    return core.interruptDeliverable();
  }

  /** Taken by the core, but not under software step, which would be saved in SPSR_EL1. */
  @Override
  EngineExit takeInterrupt() {
    return enterOnly();
  }

  @Override
  void beginStep() {
    steppingWfi = instructionAtPc() == WFI;
    core.setStepping(true);
  }

  @Override
  boolean endStep(int trap) {
    core.setStepping(false);
    return trap == TRAP_UNDEFINED && isSoftwareStep(core.raisedSyndrome())
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
}
