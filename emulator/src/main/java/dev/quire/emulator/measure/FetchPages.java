package dev.quire.emulator.measure;

import java.util.Arrays;

/**
 * The walked page of each virtual page that was executed: an open-addressing table. An entry stands
 * until the engine asks for the same virtual page again, which it does after every flush. Machine
 * thread only.
 */
final class FetchPages {
  static final int NONE = -1;
  private static final long EMPTY = -1;
  private static final int INITIAL = 1024;

  private long[] vpns = new long[INITIAL];
  private int[] pages = new int[INITIAL];
  private int size;

  FetchPages() {
    Arrays.fill(vpns, EMPTY);
  }

  /** The id of the walked page, or {@link #NONE}. */
  int page(long vpn) {
    int slot = slotOf(vpn);
    return vpns[slot] == vpn ? pages[slot] : NONE;
  }

  void put(long vpn, int page) {
    int slot = slotOf(vpn);
    if (vpns[slot] != vpn) {
      if (2 * ++size > vpns.length) {
        grow();
        slot = slotOf(vpn);
      }
      vpns[slot] = vpn;
    }
    pages[slot] = page;
  }

  /** Where the page is, or the empty slot where it would be. */
  private int slotOf(long vpn) {
    int mask = vpns.length - 1;
    long mixed = vpn * 0x9E3779B97F4A7C15L;
    int slot = (int) (mixed >>> 32) & mask;
    while (vpns[slot] != EMPTY && vpns[slot] != vpn) {
      slot = slot + 1 & mask;
    }
    return slot;
  }

  private void grow() {
    long[] oldVpns = vpns;
    int[] oldPages = pages;
    vpns = new long[2 * oldVpns.length];
    pages = new int[2 * oldPages.length];
    Arrays.fill(vpns, EMPTY);
    for (int i = 0; i < oldVpns.length; i++) {
      if (oldVpns[i] != EMPTY) {
        int slot = slotOf(oldVpns[i]);
        vpns[slot] = oldVpns[i];
        pages[slot] = oldPages[i];
      }
    }
  }
}
