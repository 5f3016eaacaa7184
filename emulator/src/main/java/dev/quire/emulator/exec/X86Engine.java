package dev.quire.emulator.exec;

import dev.quire.bindings.BlockCounter;
import dev.quire.bindings.Uc;
import dev.quire.bindings.UcConst;
import dev.quire.bindings.UcX86State;
import dev.quire.emulator.decode.AccessKind;
import dev.quire.emulator.decode.X86Instruction;
import dev.quire.emulator.decode.X86InstructionClass;
import dev.quire.emulator.decode.X86RegisterView;
import dev.quire.mmu.Access;

/**
 * Unicorn's x86-64 core. What the guest may not do on its own is intercepted the way a hypervisor
 * does it: the core believes it runs an SVM guest whose intercepts end the run.
 *
 * <p>Stepping uses the core's interrupt shadow: a block translated under it is one instruction
 * long.
 */
public final class X86Engine extends UnicornEngine {
  /** Numbers of {@link EngineExit.Trap} above the architectural vectors. */
  public static final int TRAP_INVALID_OPCODE = 6;

  /** SYSCALL; the program counter is behind it. */
  public static final int TRAP_SYSCALL = 0x80_0000;

  /** SYSENTER; the program counter is behind it. */
  public static final int TRAP_SYSENTER = 0x80_0001;

  /** First number of SVM intercepts: this plus AMD's exit code. */
  public static final int TRAP_INTERCEPT = 0x100;

  /** An IRET that ends the blocking of NMIs; it has not executed yet. */
  public static final int TRAP_IRET = TRAP_INTERCEPT + SvmIntercepts.EXIT_IRET;

  /** Room for translated code that a machine's core gets. */
  public static final int TRANSLATION_BYTES = 64 << 20;

  private static final int CPU_MODEL_SKYLAKE_SERVER = 22;
  private static final int HFLAG_CPL_MASK = 3;
  private static final int HFLAG_INHIBIT_IRQ = 1 << 3;
  private static final int RFLAGS_IF = 1 << 9;
  private static final int RFLAGS_AC = 1 << 18;
  private static final int HALT_BYTES = 1;

  private final X86Core core;
  private final X86CodeReader code;
  private final CodePages codePages;
  private final CodeVetting vetting;
  private final CoreInstructions instructions;
  private X86Instruction intercepted;
  private boolean interruptPending;
  private boolean shadowAfterStep;

  private X86Engine(Uc uc, X86Core core, BlockCounter blocks, EngineMemory shared, Wiring wiring) {
    super(uc, blocks);
    this.core = core;
    this.code = wiring.code;
    this.codePages = new CodePages(blocks);
    this.vetting = new CodeVetting(wiring.code, shared);
    this.instructions = wiring.instructions;
  }

  /** What the core asks of the host inside a run. */
  public interface CoreInstructions {
    /** CPUID: leaf in EAX, subleaf in ECX; sets EAX to EDX. */
    void cpuid();

    /** The time-stamp counter now. */
    long timeStamp();
  }

  private record Wiring(X86CodeReader code, CoreInstructions instructions) {}

  /** Opens a core of a machine. */
  public static X86Engine open(EngineMemory shared, CoreInstructionsFactory factory) {
    return open(shared, TRANSLATION_BYTES, factory);
  }

  /**
   * Opens a core on the machine's memory; the calling thread owns it.
   *
   * @param translationBytes room for translated code; when it is used up all is translated afresh
   */
  public static X86Engine open(
      EngineMemory shared, int translationBytes, CoreInstructionsFactory factory) {
    Uc uc = Uc.open(UcConst.ARCH_X86, UcConst.MODE_64);
    uc.cpuModel(CPU_MODEL_SKYLAKE_SERVER);
    uc.setTcgBufferSize(translationBytes);
    uc.tlbTypeVirtual();
    uc.useExits(true);
    shared.map(uc);
    UcX86State state = UcX86State.of(uc);
    X86Core core = new X86Core(uc, state);
    X86CodeReader code = new X86CodeReader(core, shared.memory());
    BlockCounter blocks = BlockCounter.forX86(uc, state, code::scanBlock);
    X86Engine engine =
        new X86Engine(uc, core, blocks, shared, new Wiring(code, factory.create(core)));
    SvmIntercepts.install(state, shared);
    engine.hook();
    engine.start(shared);
    return engine;
  }

  /** Makes the answers for a core from its registers. */
  public interface CoreInstructionsFactory {
    CoreInstructions create(X86Core core);
  }

  private void hook() {
    uc.hooks().interrupt(this::trap);
    uc.hooks().invalidInsn(this::invalidInstruction);
    uc.hooks().syscall(() -> trap(TRAP_SYSCALL));
    uc.hooks().sysenter(() -> trap(TRAP_SYSENTER));
    uc.hooks().cpuid(this::cpuid);
    uc.hooks().rdtsc(this::rdtsc);
    uc.hooks().rdtscp(this::rdtscp);
    uc.hooks().translation((pc, sizeBytes, count) -> blocks.forgetBlock(pc));
  }

  /** The registers. */
  public X86Core core() {
    return core;
  }

  /** Decodes the instruction at the program counter. */
  public X86CodeReader code() {
    return code;
  }

  /**
   * The instruction that {@link EngineExit#INTERCEPT} is about; valid as {@link
   * X86CodeReader#current} is.
   */
  public X86Instruction intercepted() {
    return intercepted;
  }

  private boolean invalidInstruction() {
    trap(TRAP_INVALID_OPCODE);
    return true;
  }

  private boolean cpuid() {
    instructions.cpuid();
    return true;
  }

  private boolean rdtsc() {
    setTimeStamp(instructions.timeStamp());
    return true;
  }

  private boolean rdtscp() {
    setTimeStamp(instructions.timeStamp());
    core.setGpr(X86RegisterView.RCX, core.msr(UcX86State.MsrField.TSC_AUX) & 0xffff_ffffL);
    return true;
  }

  private void setTimeStamp(long ticks) {
    core.setGpr(X86RegisterView.RAX, ticks & 0xffff_ffffL);
    core.setGpr(X86RegisterView.RDX, ticks >>> 32);
  }

  /** Tells whether an interrupt waits; a run then ends where it can be delivered. */
  public void setInterruptPending(boolean pending) {
    interruptPending = pending;
    blocks.setIrqPending(pending);
  }

  /** Takes back an instruction that the core counted and that raised an exception instead. */
  public void unretireOne() {
    blocks.takeBack(1);
  }

  /** Makes the next IRET end the run with {@link #TRAP_IRET}. */
  public void interceptIret(boolean enabled) {
    SvmIntercepts.interceptIret(core.state(), enabled);
  }

  @Override
  public void attach(dev.quire.mmu.Mmu newMmu) {
    super.attach(newMmu);
    code.attach(newMmu);
  }

  @Override
  long entryPc() {
    return core.rip();
  }

  @Override
  long linearPc() {
    return core.linearPc();
  }

  @Override
  long faultAddress() {
    return core.state().invalidAddr();
  }

  @Override
  int accessOf(long va, int type) {
    boolean user = (core.state().hflags() & HFLAG_CPL_MASK) == 3;
    if (type == Access.FETCH) {
      return user ? type | Access.USER : type;
    }
    int alignmentFlag =
        (core.state().eflags() & RFLAGS_AC) != 0 ? type | Access.USER_DATA_ALLOWED : type;
    if (!user) {
      return alignmentFlag;
    }
    boolean implicit = core.isInTables(va) && isImplicit(va, code.current());
    return alignmentFlag | Access.USER | (implicit ? Access.IMPLICIT : 0);
  }

  @Override
  int accessIntended(long va, int access) {
    X86Instruction instruction = code.current();
    if (instruction == null) {
      return access;
    }
    // The inner stack of a call gate is not in the tables.
    if (Access.isUser(access) && isImplicit(va, instruction)) {
      return access | Access.IMPLICIT;
    }
    boolean readsAndWrites =
        Access.type(access) == Access.READ
            && instruction.memoryKind() == AccessKind.READ_WRITE
            && instruction.kindOnPage(va, core, core.rip()) == AccessKind.READ_WRITE;
    return readsAndWrites ? Access.withType(access, Access.WRITE) : access;
  }

  /** Whether the processor accesses the page by itself (SDM vol. 3A 4.6.1), at any CPL. */
  private boolean isImplicit(long va, X86Instruction instruction) {
    return instruction != null
        && instruction.accessesDescriptors()
        && instruction.kindOnPage(va, core, core.rip()) == AccessKind.NONE;
  }

  @Override
  void forgetCode(long pfn) {
    codePages.forget(pfn);
  }

  @Override
  boolean isTranslatable(long va, long pfn) {
    return vetting.isTranslatable(va, pfn);
  }

  @Override
  boolean storesOnce() {
    X86Instruction instruction = code.current();
    return instruction != null
        && instruction.stackKind() == AccessKind.NONE
        && !instruction.isString()
        && instruction.memoryKind().faultsAsWrite()
        && isAlignedWord(instruction);
  }

  private boolean isAlignedWord(X86Instruction instruction) {
    int bytes = instruction.memoryBytes();
    long mask = bytes - 1L;
    return bytes <= Long.BYTES
        && Integer.bitCount(bytes) == 1
        && (instruction.effectiveAddress(core, core.rip()) & mask) == 0;
  }

  @Override
  void endHiddenStep() {
    if (vetting.endStep()) {
      flushCode();
    }
  }

  @Override
  EngineExit beforeStep() {
    return vetting.prepareStep(core.linearPc()) ? null : new EngineExit.Trap(TRAP_INVALID_OPCODE);
  }

  @Override
  long steppedPage(long va, long pfn) {
    return vetting.steppedPage(va);
  }

  @Override
  void grantedExecute(long va, long pfn) {
    codePages.executes(va, pfn);
  }

  @Override
  int instructionsBefore(long blockPc, int sizeBytes, int offsetBytes) {
    return code.instructionsBefore(blockPc, sizeBytes, offsetBytes);
  }

  @Override
  boolean hostPerformsNext() {
    intercepted = code.current();
    return intercepted != null && X86CodeReader.isHostPerformed(intercepted);
  }

  @Override
  boolean interruptDeliverable() {
    return interruptPending
        && (core.state().eflags() & RFLAGS_IF) != 0
        && (core.state().hflags() & HFLAG_INHIBIT_IRQ) == 0;
  }

  @Override
  void beginStep() {
    X86Instruction instruction = code.current();
    shadowAfterStep = instruction != null && beginsShadow(instruction.instructionClass());
    core.state().setHflags(core.state().hflags() | HFLAG_INHIBIT_IRQ);
  }

  private boolean beginsShadow(X86InstructionClass what) {
    boolean enables = what == X86InstructionClass.STI && (core.state().eflags() & RFLAGS_IF) == 0;
    return enables || what == X86InstructionClass.LOAD_SS;
  }

  @Override
  boolean endStep(int trap) {
    boolean stepped = trap == NO_TRAP && blocks.reason() == BlockCounter.REASON_STEP;
    int hflags = core.state().hflags();
    core.state()
        .setHflags(
            stepped && shadowAfterStep ? hflags | HFLAG_INHIBIT_IRQ : hflags & ~HFLAG_INHIBIT_IRQ);
    return stepped;
  }

  @Override
  boolean haltedNatively() {
    return code.isHalt(core.linearPc() - HALT_BYTES);
  }

  @Override
  public void flushPage(long va) {
    flushAll();
  }
}
