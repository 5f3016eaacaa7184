package dev.quire.emulator.exec;

import dev.quire.mmu.Access;
import dev.quire.mmu.FaultRecord;
import dev.quire.mmu.Order;
import dev.quire.mmu.Protection;
import dev.quire.mmu.Translation;

/**
 * Answers the fills of one core's soft TLB: what the MMU says, less the rights that would let the
 * core do something unnoticed. A refused fill ends the run; why is asked here.
 *
 * <p>Called inside a run on the engine's thread; never throws.
 */
final class SoftTlb {
  private static final long REFUSED = -1L;
  private static final long PAGE_MASK = -1L << Order.BASE_PAGE_SHIFT;

  private final UnicornEngine engine;
  private final CodeCoherence coherence;
  private final int core;
  private final StoresToCode storesToCode;
  private final BouncePage[] bounces;
  private final long[] bouncedVas = new long[ExecutionEngine.MOST_BOUNCES];
  private int bounced;
  private final SoftTlbGrowth userGrowth = new SoftTlbGrowth();
  private final SoftTlbGrowth systemGrowth = new SoftTlbGrowth();
  private final FaultRecord refusal = new FaultRecord();
  private boolean faulted;
  private boolean unvetted;

  /** Joins the engine to the other cores of the machine. */
  SoftTlb(UnicornEngine engine, EngineMemory shared) {
    this.engine = engine;
    coherence = shared.coherence();
    core = coherence.join(engine);
    storesToCode = new StoresToCode(coherence, core);
    bounces = shared.bounces();
  }

  /** The engine is closed. */
  void leave() {
    coherence.leave(core);
  }

  /** A run begins. */
  void begin() {
    faulted = false;
    unvetted = false;
  }

  /** Whether an access was refused for a fault, which the MMU's record describes. */
  boolean hasFaulted() {
    return faulted;
  }

  /** Whether the core fetched from a page it may not translate as it is. */
  boolean metUnvettedCode() {
    return unvetted;
  }

  StoresToCode storesToCode() {
    return storesToCode;
  }

  /** Whether the core is to be flushed so that its soft TLB grows; asked between runs. */
  boolean takeGrowth() {
    return userGrowth.take() | systemGrowth.take();
  }

  /** The core was flushed. */
  void flushed() {
    userGrowth.flushed();
    systemGrowth.flushed();
  }

  /** Maps the pages of the first {@code count} addresses to the bounce pages until flushed. */
  void bounce(long[] vas, int count) {
    for (int i = 0; i < count; i++) {
      bouncedVas[i] = vas[i] & PAGE_MASK;
    }
    bounced = count;
  }

  BouncePage bouncePage(int index) {
    return bounces[index];
  }

  /** The frame and rights for an access to the page at {@code va}, or {@link #REFUSED}. */
  long fill(long va, int type) {
    if (!engine.isRunning()) {
      // A hook is being deleted, and the core looks for what it translated with it; the engine
      // drops that anyway, and the guest accesses nothing.
      return REFUSED;
    }
    engine.counters.fills++;
    if (bounced != 0 && type != Access.FETCH) {
      for (int i = 0; i < bounced; i++) {
        if (va == bouncedVas[i]) {
          return bounces[i].pa() | Protection.READ | Protection.WRITE;
        }
      }
    }
    int access = engine.accessOf(va, type);
    if ((Access.isUser(access) ? userGrowth : systemGrowth).noteFill()) {
      engine.blocks.requestStop();
    }
    engine.mmu.counters().mark();
    long translation = engine.mmu.translate(va, access);
    if (Translation.failed(translation)) {
      engine.mmu.fault().setInitiator(access);
      translation = refused(va, access, translation);
      if (Translation.failed(translation)) {
        faulted = true;
        return REFUSED;
      }
    }
    return grant(va, type, access, translation);
  }

  private long grant(long va, int type, int access, long translation) {
    long pfn = Translation.pfn(translation);
    int rights = Translation.rights(translation);
    AccessCapture capture = engine.capture();
    if (type == Access.FETCH && (storesToCode.isStepping() || !engine.isTranslatable(va, pfn))) {
      unvetted = true;
      if (!engine.isStepping()) {
        return REFUSED;
      }
      coherence.grantExecute(core, pfn);
      if (capture != null) {
        capture.filled(va, pfn, type, rights);
      }
      return engine.steppedPage(va, pfn);
    }
    if ((rights & Protection.EXEC) != 0) {
      coherence.grantExecute(core, pfn);
    }
    if ((rights & Protection.WRITE) != 0) {
      rights = storesToCode.rights(va, pfn, access, rights);
      if (rights == 0) {
        return REFUSED;
      }
    }
    if ((rights & Protection.EXEC) != 0) {
      engine.grantedExecute(va, pfn);
    }
    if (capture != null) {
      rights = capture.filled(va, pfn, type, rights);
    }
    return Translation.pa(translation) | rights;
  }

  /** A read that is half of a read-modify-write is one fault, a write: asks again as that. */
  private long refused(long va, int access, long failure) {
    if (Access.isFetch(access)) {
      return failure;
    }
    FaultRecord fault = engine.mmu.fault();
    refusal.copyFrom(fault);
    int intended = engine.accessIntended(va, access);
    if (intended == access) {
      fault.copyFrom(refusal);
      return failure;
    }
    engine.mmu.counters().rollback();
    long translation = engine.mmu.translate(va, intended);
    fault.setInitiator(intended);
    return translation;
  }
}
