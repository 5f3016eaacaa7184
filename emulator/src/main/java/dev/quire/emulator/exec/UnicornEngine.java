package dev.quire.emulator.exec;

import dev.quire.bindings.BlockCounter;
import dev.quire.bindings.EmptyAccessHook;
import dev.quire.bindings.Uc;
import dev.quire.bindings.UcError;
import dev.quire.emulator.measure.MeasuredVcpu;
import dev.quire.mmu.Access;
import dev.quire.mmu.Mmu;
import dev.quire.mmu.Order;
import dev.quire.mmu.Translation;

/**
 * What both architectures' engines share: exact counting and exact stops; {@link SoftTlb} answers
 * the fills.
 *
 * <p>A native block hook counts every translated block before it runs and stops at the start of one
 * that would pass the deadline; the rest of the way is stepped one instruction at a time. When the
 * core leaves a block early, the instructions it did not reach are taken back.
 */
abstract class UnicornEngine implements ExecutionEngine {
  static final int NO_TRAP = -1;
  private static final int PAGE_BYTES = 1 << Order.BASE_PAGE_SHIFT;
  private static final long PAGE_MASK = -PAGE_BYTES;

  final Uc uc;
  final BlockCounter blocks;
  final EngineCounters counters = new EngineCounters();
  Mmu mmu;

  private SoftTlb softTlb;
  private int trap = NO_TRAP;
  private boolean stepping;
  private boolean running;

  /** Null in a functional run. */
  private AccessCapture capture;

  UnicornEngine(Uc uc, BlockCounter blocks) {
    this.uc = uc;
    this.blocks = blocks;
  }

  /** Called once by the subclass's factory when the object is complete. */
  final void start(EngineMemory shared) {
    softTlb = new SoftTlb(this, shared);
    uc.hooks().tlbFill(softTlb::fill);
  }

  // What differs by architecture.

  /** The program counter to start at, as {@code uc_emu_start} wants it. */
  abstract long entryPc();

  /** The linear address of the next instruction. */
  abstract long linearPc();

  /** The exact address of the last refused access. */
  abstract long faultAddress();

  /** The access that a fill stands for: adds the privilege the core does not tell. */
  abstract int accessOf(long va, int type);

  /**
   * The access that a refused one of data really is: a write when the instruction also stores, the
   * processor's own when it looks into its tables.
   */
  abstract int accessIntended(long va, int access);

  /** Instructions of the block at {@code blockPc} that start before {@code offsetBytes}. */
  abstract int instructionsBefore(long blockPc, int sizeBytes, int offsetBytes);

  /** Whether the host performs the instruction at the program counter. */
  abstract boolean hostPerformsNext();

  abstract boolean interruptDeliverable();

  /** Makes the core stop after one instruction. */
  abstract void beginStep();

  /** Undoes {@link #beginStep}; tells whether the instruction ended by the step itself. */
  abstract boolean endStep(int trap);

  /** Whether the run ended because the guest waits, and not because the core gave up. */
  abstract boolean haltedNatively();

  /** Whether the core may translate code of this page; else it is stepped through. */
  boolean isTranslatable(long va, long pfn) {
    return true;
  }

  /** Before each run and step: takes up what was changed meanwhile. */
  void prepare() {}

  /** Whether the next instruction is stepped. */
  boolean mustStep() {
    return false;
  }

  /** Whether the run was ended by {@link #mustStep} turning true. */
  boolean stoppedToStep() {
    return false;
  }

  /** What the core fetches from during a step, as {@link SoftTlb#fill} answers. */
  abstract long steppedPage(long va, long pfn);

  /** A step fetched from such a page, and is over. */
  void endHiddenStep() {}

  /** Whether the instruction ahead stores once, aligned: then the core notices all it does. */
  abstract boolean storesOnce();

  /** What the instruction ahead raises that the core must not even see, or null. */
  EngineExit beforeStep() {
    return null;
  }

  /** A fill was granted that executes. */
  void grantedExecute(long va, long pfn) {}

  /** Whether the instruction just stepped was one that waits, which a step does not. */
  boolean steppedIntoHalt() {
    return false;
  }

  @Override
  public void attach(Mmu newMmu) {
    mmu = newMmu;
  }

  @Override
  public final void measure(MeasuredVcpu measured, int ringRecords) {
    capture = new AccessCapture(this, measured, ringRecords);
  }

  @Override
  public final EngineExit run(long deadline) {
    while (true) {
      if (softTlb.takeGrowth()) {
        flushAll();
      }
      if (blocks.isKicked()) {
        blocks.clearKick();
        return EngineExit.KICKED;
      }
      if (blocks.icount() >= deadline) {
        return EngineExit.DEADLINE;
      }
      prepare();
      EngineExit exit = mustStep() ? stepChecked() : runBlocks(deadline);
      if (exit != null) {
        return exit;
      }
    }
  }

  private EngineExit runBlocks(long deadline) {
    blocks.step(false);
    int error = enter(deadline);
    if (softTlb.storesToCode().isRefused()) {
      settle(false);
      return stepStoreToCode();
    }
    if (softTlb.metUnvettedCode()) {
      settle(true);
      return blocks.icount() >= deadline ? EngineExit.DEADLINE : stepChecked();
    }
    if (softTlb.hasFaulted()) {
      return afterFault(deadline);
    }
    if (trap != NO_TRAP) {
      settle(false);
      return new EngineExit.Trap(trap);
    }
    if (stoppedToStep()) {
      settle(false);
      return null;
    }
    return switch (blocks.reason()) {
      case BlockCounter.REASON_DEADLINE -> stepUntil(deadline);
      case BlockCounter.REASON_SENSITIVE -> stepThroughBlock(deadline);
      case BlockCounter.REASON_IRQ_WINDOW -> EngineExit.INTERRUPT_WINDOW;
      case BlockCounter.REASON_KICK -> {
        blocks.clearKick();
        yield EngineExit.KICKED;
      }
      case BlockCounter.REASON_REQUEST -> null;
      case BlockCounter.REASON_SCAN ->
          new EngineExit.Failed("code that executes cannot be read through the MMU");
      default -> ended(error);
    };
  }

  private EngineExit ended(int error) {
    settle(false);
    return error == UcError.OK && haltedNatively() ? EngineExit.HALTED : failed(error);
  }

  private static EngineExit failed(int error) {
    return new EngineExit.Failed("Unicorn stopped: " + UcError.name(error));
  }

  private EngineExit afterFault(long deadline) {
    boolean fetch = Access.isFetch(mmu.fault().initiator());
    settle(fetch);
    long va = faultAddress();
    if (fetch && (va & PAGE_MASK) != (linearPc() & PAGE_MASK)) {
      // The block was refused at translation because one of its instructions crosses into an
      // absent page; the ones before it have not executed yet, so nothing has faulted yet.
      mmu.counters().rollback();
      return stepThroughBlock(deadline);
    }
    mmu.fault().setVa(va);
    return EngineExit.FAULT;
  }

  /** Steps until the deadline or something happens. */
  private EngineExit stepUntil(long deadline) {
    while (blocks.icount() < deadline) {
      EngineExit exit = stepChecked();
      if (exit != null) {
        return exit;
      }
    }
    return EngineExit.DEADLINE;
  }

  /**
   * Steps a store to code, with nothing but the instruction itself to translate: a step translates
   * what follows too, and that the instruction may just have stored.
   */
  private EngineExit stepStoreToCode() {
    StoresToCode stores = softTlb.storesToCode();
    stores.beginStep(storesOnce());
    flushAll();
    if (capture != null) {
      capture.beginRetry(stores.refusedVa(), stores.refusedPfn());
    }
    try {
      return step();
    } finally {
      stores.endStep();
      if (capture != null) {
        capture.endRetry();
      }
    }
  }

  /** Steps along the straight line ahead; null when the instruction stream leaves it. */
  private EngineExit stepThroughBlock(long deadline) {
    long end = linearPc() + PAGE_BYTES;
    long before;
    do {
      if (blocks.icount() >= deadline) {
        return EngineExit.DEADLINE;
      }
      before = linearPc();
      EngineExit exit = stepChecked();
      if (exit != null) {
        return exit;
      }
    } while (Long.compareUnsigned(linearPc(), before) > 0
        && Long.compareUnsigned(linearPc(), end) < 0);
    return null;
  }

  private EngineExit stepChecked() {
    if (interruptDeliverable()) {
      return takeInterrupt();
    }
    if (hostPerformsNext()) {
      fetchNext();
      return EngineExit.INTERCEPT;
    }
    return step();
  }

  /** Fetches the instruction ahead, which the core is not to see: as if it had. */
  private void fetchNext() {
    long va = linearPc();
    if (!Translation.failed(mmu.translate(va, accessOf(va, Access.FETCH))) && capture != null) {
      capture.fetched(va);
    }
  }

  /**
   * What to do about a deliverable interrupt before a step: hand it out, unless the core takes it.
   */
  EngineExit takeInterrupt() {
    return EngineExit.INTERRUPT_WINDOW;
  }

  /** Enters the core without letting it execute anything, so that it takes a pending interrupt. */
  final EngineExit enterOnly() {
    blocks.step(false);
    enter(blocks.icount());
    if (softTlb.hasFaulted()) {
      mmu.fault().setVa(faultAddress());
      return EngineExit.FAULT;
    }
    return null;
  }

  /** Executes one instruction; null when it retired and nothing else happened. */
  private EngineExit step() {
    prepare();
    EngineExit undefined = beforeStep();
    if (undefined != null) {
      fetchNext();
      return undefined;
    }
    counters.steps++;
    long before = linearPc();
    blocks.step(true);
    beginStep();
    stepping = true;
    int error = enter(Long.MAX_VALUE);
    stepping = false;
    boolean stepped = endStep(trap);
    if (softTlb.storesToCode().isRefused()) {
      return stepStoreToCode();
    }
    if (softTlb.metUnvettedCode()) {
      flushAll();
      endHiddenStep();
    }
    if (softTlb.hasFaulted()) {
      if (linearPc() != before) {
        // The instruction retired; what faulted is the fetch of the next.
        retireOne();
      }
      mmu.fault().setVa(faultAddress());
      return EngineExit.FAULT;
    }
    if (stepped) {
      retireOne();
      return steppedIntoHalt() ? EngineExit.HALTED : null;
    }
    if (trap != NO_TRAP) {
      if (linearPc() != before) {
        retireOne();
      }
      return new EngineExit.Trap(trap);
    }
    if (error != UcError.OK || !haltedNatively()) {
      return failed(error);
    }
    retireOne();
    return EngineExit.HALTED;
  }

  private int enter(long deadline) {
    counters.runs++;
    softTlb.begin();
    trap = NO_TRAP;
    blocks.setDeadline(deadline);
    blocks.takeReason();
    blocks.forgetLast();
    running = true;
    int error;
    try {
      error = uc.emuStart(entryPc(), 0, 0, 0);
    } finally {
      running = false;
    }
    softTlb.storesToCode().settle();
    if (capture != null) {
      capture.stopped(blocks.reason() == BlockCounter.REASON_NONE && isInsideLastBlock());
    }
    return error;
  }

  /** Whether the core runs; between runs it only looks up pages on its own account. */
  final boolean isRunning() {
    return running;
  }

  /** Whether one instruction is being stepped. */
  final boolean isStepping() {
    return stepping;
  }

  /** Called by the subclass's hooks: ends the run with a trap. */
  final void trap(int number) {
    trap = number;
    uc.emuStop();
  }

  /** Takes back the instructions of the last block that the core did not reach. */
  private void settle(boolean fetchFault) {
    if (!fetchFault) {
      blocks.takeBack(unreached());
    }
  }

  private int unreached() {
    if (!isInsideLastBlock() || blocks.lastCount() == 0) {
      return 0;
    }
    long offset = linearPc() - blocks.lastPc();
    return blocks.lastCount()
        - instructionsBefore(blocks.lastPc(), blocks.lastSize(), (int) offset);
  }

  private boolean isInsideLastBlock() {
    long offset = linearPc() - blocks.lastPc();
    return offset >= 0 && offset < blocks.lastSize();
  }

  @Override
  public final long retired() {
    return running ? blocks.icount() - unreached() : blocks.icount();
  }

  @Override
  public final void retireOne() {
    blocks.takeBack(-1);
  }

  @Override
  public final void setRetired(long instructions) {
    blocks.setIcount(instructions);
  }

  @Override
  public final void kick() {
    blocks.kick();
  }

  /** Null in a functional run. */
  final AccessCapture capture() {
    return capture;
  }

  final boolean isMeasured() {
    return capture != null;
  }

  /** The host made one access in the core's stead, just translated; in a measured run. */
  final void accessed(long va, int type) {
    capture.accessed(va, type);
  }

  /** The code in a frame changed: a page that holds it is counted afresh. */
  void forgetCode(long pfn) {}

  @Override
  public final EngineExit stepThroughBounce(long[] vas, int count) {
    softTlb.bounce(vas, count);
    try {
      return step();
    } finally {
      softTlb.bounce(vas, 0);
      flushAll();
    }
  }

  @Override
  public final BouncePage bounce(int index) {
    return softTlb.bouncePage(index);
  }

  @Override
  public final EngineCounters counters() {
    return counters;
  }

  @Override
  public void flushAll() {
    counters.softTlbFlushes++;
    softTlb.flushed();
    uc.tlbFlush();
  }

  @Override
  public final void flushCode() {
    counters.codeFlushes++;
    uc.tbFlush();
    if (!running) {
      blocks.forgetTranslations();
    }
  }

  @Override
  public final void stopCounting() {
    if (capture != null) {
      throw new IllegalStateException("a measured run counts");
    }
    blocks.detach();
    flushCode();
  }

  @Override
  public final void hookAccessesInVain() {
    EmptyAccessHook.install(uc);
  }

  @Override
  public void close() {
    uc.close();
    if (softTlb != null) {
      softTlb.leave();
      softTlb = null;
    }
    if (capture != null) {
      capture.close();
    }
    blocks.close();
  }
}
