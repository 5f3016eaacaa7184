package dev.quire.emulator.exec;

import dev.quire.mmu.Access;
import dev.quire.mmu.Protection;

/**
 * One core's stores to frames whose code it has translated. Through one fill Unicorn notices the
 * first store only. So no such fill may stay for such a frame: a store to one is refused, then
 * stepped, and nothing is fetched from it again without a new fill, which looks at the code.
 *
 * <p>Machine thread only.
 */
final class StoresToCode {
  private static final long NO_PFN = -1;

  private final CodeCoherence coherence;
  private final int core;
  private boolean refused;
  private long refusedVa;
  private long refusedPfn;
  private boolean stepping;
  private boolean noticed;
  private long storedPfn = NO_PFN;
  private long storedNextPfn = NO_PFN;

  StoresToCode(CodeCoherence coherence, int core) {
    this.coherence = coherence;
    this.core = core;
  }

  /** The rights to fill with where a store is allowed; 0 refuses it. */
  int rights(long va, long pfn, int access, int rights) {
    if (!coherence.executes(core, pfn)) {
      coherence.grantWrite(core, pfn);
      return rights;
    }
    if (!Access.isWrite(access)) {
      return rights & ~Protection.WRITE;
    }
    if (!stepping) {
      refused = true;
      refusedVa = va;
      refusedPfn = pfn;
      return 0;
    }
    coherence.grantWrite(core, pfn);
    if (storedPfn != NO_PFN && storedPfn != pfn) {
      noticed = false;
      storedNextPfn = pfn;
    } else {
      storedPfn = pfn;
    }
    return rights;
  }

  /** Whether the run ended at such a store, which is now to be stepped. */
  boolean isRefused() {
    return refused;
  }

  long refusedVa() {
    return refusedVa;
  }

  long refusedPfn() {
    return refusedPfn;
  }

  /**
   * The refused store is stepped.
   *
   * @param willBeNoticed whether the core then drops what it has translated of the bytes
   */
  void beginStep(boolean willBeNoticed) {
    refused = false;
    noticed = willBeNoticed;
    stepping = true;
  }

  void endStep() {
    stepping = false;
  }

  /** Whether such a store is being stepped: nothing else is to be translated. */
  boolean isStepping() {
    return stepping;
  }

  /** The core does not run now: what it stored takes effect. */
  void settle() {
    if (storedPfn == NO_PFN) {
      return;
    }
    coherence.stored(core, storedPfn, noticed);
    if (storedNextPfn != NO_PFN) {
      coherence.stored(core, storedNextPfn, false);
    }
    storedPfn = NO_PFN;
    storedNextPfn = NO_PFN;
  }
}
