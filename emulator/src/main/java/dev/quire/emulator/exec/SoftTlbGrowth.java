package dev.quire.emulator.exec;

/**
 * When to flush one privilege level's soft TLB so that it grows. It starts with 256 entries and is
 * resized by a flush only, doubling when most are in use (QEMU accel/tcg/cputlb.c,
 * tlb_mmu_resize_locked). A guest that never flushes would miss for ever. So it is flushed after
 * four times as many fills as it may have entries, and then after twice as many.
 *
 * <p>Owned by the engine's thread; changes nothing that a guest or a count sees.
 */
final class SoftTlbGrowth {
  private static final long FIRST_FILLS = 1024;
  private static final long MOST_FILLS = 1 << 20;

  private long fills;
  private long threshold = FIRST_FILLS;
  private boolean due;

  /** Counts a fill; whether it is the one after which to flush. */
  boolean noteFill() {
    due |= ++fills == threshold;
    return fills == threshold;
  }

  /** Whether a flush is due; the next will then be later. */
  boolean take() {
    boolean was = due;
    if (was) {
      due = false;
      threshold = Math.min(2 * threshold, MOST_FILLS);
    }
    return was;
  }

  /** The soft TLB was flushed, for whatever reason. */
  void flushed() {
    fills = 0;
    due = false;
  }
}
