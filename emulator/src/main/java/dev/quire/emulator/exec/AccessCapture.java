package dev.quire.emulator.exec;

import dev.quire.bindings.AccessRing;
import dev.quire.emulator.measure.MeasuredVcpu;
import dev.quire.mmu.Access;
import dev.quire.mmu.Order;
import dev.quire.mmu.Translation;

/**
 * The engine's side of a measured run: takes from the core what the ring cannot hold, and keeps
 * what the engine does on its own account out of the counts.
 *
 * <p>An access that crosses a page is one access to each page; the second is counted if it can be
 * translated. An instruction that the engine starts anew, for a reason of its own, is counted once;
 * one that faults and is restarted is looked up again, as hardware does. Machine thread only.
 */
final class AccessCapture implements AccessRing.Overflow {
  private static final int PAGE_BYTES = 1 << Order.BASE_PAGE_SHIFT;

  private final UnicornEngine engine;
  private final MeasuredVcpu measured;
  private final AccessRing ring;
  private boolean retrying;
  private long refusedVa;
  private long refusedPfn;

  AccessCapture(UnicornEngine engine, MeasuredVcpu measured, int ringRecords) {
    this.engine = engine;
    this.measured = measured;
    ring = AccessRing.of(engine.uc, ringRecords, this);
    measured.attach(ring);
  }

  @Override
  public void access(int write, long pa, int bytes) {
    long pfn = pa >>> Order.BASE_PAGE_SHIFT;
    int offset = (int) (pa & PAGE_BYTES - 1);
    boolean crosses = offset + bytes > PAGE_BYTES;
    if (ring.crossed() == engine.linearPc() >>> Order.BASE_PAGE_SHIFT) {
      reachCrossing();
    }
    if (retrying && !isAfterRefusal(write, pfn, crosses)) {
      return;
    }
    measured.accessFrame(pfn, write);
    if (crosses && measured.isKnown(pfn)) {
      accessPage(measured.vaOf(pfn) + PAGE_BYTES, write);
    }
  }

  /** One access that the host made, to the page that the MMU has translated last. */
  void accessed(long va, int type) {
    measured.accessed(va, type);
  }

  /** One access to the page at {@code va}, unless it is going to fault. */
  private void accessPage(long va, int type) {
    int access = engine.accessOf(va, type);
    if (Translation.failed(engine.mmu.probe(va, access))) {
      return;
    }
    engine.mmu.translate(va, access);
    measured.accessed(va, type);
  }

  @Override
  public void fetch(long vpn) {
    measured.fetch(vpn);
  }

  /** The host took the instruction at {@code va}, just translated, from the core. */
  void fetched(long va) {
    long vpn = va >>> Order.BASE_PAGE_SHIFT;
    if (vpn != ring.fetchPage()) {
      measured.accessed(va, Access.FETCH);
      ring.setFetchPage(vpn);
    }
  }

  /** Models what was recorded. */
  void drain() {
    measured.drain();
  }

  int filled(long va, long pfn, int type, int rights) {
    return measured.filled(va, pfn, type, rights);
  }

  /**
   * The store to {@code va} was refused in the middle of an instruction that is about to be stepped
   * anew: its accesses up to that store are recorded already.
   */
  void beginRetry(long va, long pfn) {
    refusedVa = va;
    refusedPfn = pfn;
    drain();
    ring.divert(true);
    retrying = true;
  }

  void endRetry() {
    if (retrying) {
      retrying = false;
      drain();
      ring.divert(false);
    }
  }

  /** Whether an access of a retried instruction is new: the refused store or one after it. */
  private boolean isAfterRefusal(int write, long pfn, boolean crosses) {
    boolean refused = write != 0 && pfn == refusedPfn;
    boolean crossesInto =
        write != 0
            && crosses
            && measured.isKnown(pfn)
            && measured.vaOf(pfn) + PAGE_BYTES == (refusedVa & -PAGE_BYTES);
    if (refused || crossesInto) {
      endRetry();
    }
    return refused;
  }

  /** The page that the block crosses into is reached: it is fetched from. */
  private void reachCrossing() {
    long vpn = ring.crossed();
    if (vpn != ring.fetchPage()) {
      fetch(vpn);
    }
    ring.settleCrossing(true);
  }

  /**
   * The core has stopped.
   *
   * @param insideBlock whether it left the block begun last before its end
   */
  void stopped(boolean insideBlock) {
    long vpn = ring.crossed();
    if (vpn == AccessRing.NONE) {
      return;
    }
    if (!insideBlock || vpn == engine.linearPc() >>> Order.BASE_PAGE_SHIFT) {
      reachCrossing();
    } else {
      ring.settleCrossing(false);
    }
  }

  void close() {
    ring.close();
  }
}
