package dev.quire.emulator.exec;

import dev.quire.bindings.BlockCounter;
import dev.quire.mmu.Order;

/**
 * Notices when a virtual page comes to hold other code, so that the block counter forgets what it
 * counted there. A direct-mapped memory of (page, frame); a collision only costs a rescan.
 */
final class CodePages {
  private static final int ENTRIES = 1 << 12;

  private final BlockCounter blocks;
  private final long[] pages = new long[ENTRIES];
  private final long[] frames = new long[ENTRIES];

  CodePages(BlockCounter blocks) {
    this.blocks = blocks;
    java.util.Arrays.fill(pages, -1);
  }

  void executes(long va, long pfn) {
    long page = va >>> Order.BASE_PAGE_SHIFT;
    int index = (int) (page ^ page >>> 12) & ENTRIES - 1;
    if (pages[index] == page && frames[index] == pfn) {
      return;
    }
    pages[index] = page;
    frames[index] = pfn;
    blocks.clearPage(va);
  }

  /** The frame holds other code now. */
  void forget(long pfn) {
    for (int index = 0; index < ENTRIES; index++) {
      if (frames[index] == pfn) {
        pages[index] = -1;
      }
    }
  }
}
