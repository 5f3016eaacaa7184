package dev.quire.mmu.tlb;

/**
 * The slots of one large set, which is filled more often than touched, in the order of their last
 * use: a ring of links, so that the oldest becomes the newest with one assignment.
 */
final class SlotRing {
  /** By slot. Older than the oldest is the newest. */
  private final int[] newer;

  private final int[] older;
  private int oldest;

  SlotRing(int slots) {
    newer = new int[slots];
    older = new int[slots];
    reset();
  }

  /** Slot 0 is the oldest. */
  void reset() {
    int slots = newer.length;
    for (int slot = 0; slot < slots; slot++) {
      newer[slot] = slot + 1 == slots ? 0 : slot + 1;
      older[slot] = slot == 0 ? slots - 1 : slot - 1;
    }
    oldest = 0;
  }

  /** The oldest among {@code count} slots from {@code first}. */
  int oldestOf(int first, int count) {
    int slot = oldest;
    while (slot < first || slot >= first + count) {
      slot = newer[slot];
    }
    return slot;
  }

  int oldest() {
    return oldest;
  }

  /** Makes the oldest slot the newest, and says which it is. */
  int renewOldest() {
    int slot = oldest;
    oldest = newer[slot];
    return slot;
  }

  /** Makes a slot the newest. */
  void touch(int slot) {
    if (slot == oldest) {
      oldest = newer[slot];
    } else if (slot != older[oldest]) {
      moveBeforeOldest(slot);
    }
  }

  /** Makes a slot the oldest. */
  void age(int slot) {
    if (slot != oldest) {
      if (slot != older[oldest]) {
        moveBeforeOldest(slot);
      }
      oldest = slot;
    }
  }

  /** Puts a slot between the newest and the oldest. */
  private void moveBeforeOldest(int slot) {
    newer[older[slot]] = newer[slot];
    older[newer[slot]] = older[slot];
    int newest = older[oldest];
    newer[newest] = slot;
    older[slot] = newest;
    newer[slot] = oldest;
    older[oldest] = slot;
  }
}
