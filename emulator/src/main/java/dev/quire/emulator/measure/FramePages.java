package dev.quire.emulator.measure;

import java.util.Arrays;

/**
 * For each frame of host memory, the virtual page that the engine's soft TLB reaches it by, and the
 * id of the walked page that this belongs to. The core reports accesses by physical address; this
 * gives the virtual one back. Arrays of the size of host memory. Machine thread only.
 */
final class FramePages {
  static final int NONE = -1;

  private final int[] pages;
  private final long[] vpns;

  FramePages(long frames) {
    pages = new int[Math.toIntExact(frames)];
    vpns = new long[pages.length];
    Arrays.fill(pages, NONE);
  }

  /** Whether the frame is the guest's; the engine's own are not, and stand for devices. */
  boolean contains(long pfn) {
    return pfn >= 0 && pfn < pages.length;
  }

  /** The id of the walked page, or {@link #NONE}; may have been dropped since. */
  int page(long pfn) {
    return pages[(int) pfn];
  }

  /** The virtual page number, untagged. */
  long vpn(long pfn) {
    return vpns[(int) pfn];
  }

  void set(long pfn, long vpn, int page) {
    vpns[(int) pfn] = vpn;
    pages[(int) pfn] = page;
  }
}
