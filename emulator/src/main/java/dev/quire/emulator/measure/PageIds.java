package dev.quire.emulator.measure;

import java.util.Arrays;

/**
 * Ids of walked pages by a key that is not negative: an open-addressing table that only grows.
 * Whoever asks knows whether what it finds is still so. Machine thread only.
 */
final class PageIds {
  static final int NONE = -1;
  private static final long EMPTY = -1;
  private static final int INITIAL = 1024;

  private long[] keys = new long[INITIAL];
  private int[] pages = new int[INITIAL];
  private int size;

  PageIds() {
    Arrays.fill(keys, EMPTY);
  }

  /** The id of the walked page, or {@link #NONE}. */
  int page(long key) {
    int slot = slotOf(key);
    return keys[slot] == key ? pages[slot] : NONE;
  }

  void put(long key, int page) {
    int slot = slotOf(key);
    if (keys[slot] != key) {
      if (2 * ++size > keys.length) {
        grow();
        slot = slotOf(key);
      }
      keys[slot] = key;
    }
    pages[slot] = page;
  }

  /** Where the page is, or the empty slot where it would be. */
  private int slotOf(long key) {
    int mask = keys.length - 1;
    long mixed = key * 0x9E3779B97F4A7C15L;
    int slot = (int) (mixed >>> 32) & mask;
    while (keys[slot] != EMPTY && keys[slot] != key) {
      slot = slot + 1 & mask;
    }
    return slot;
  }

  private void grow() {
    long[] oldVpns = keys;
    int[] oldPages = pages;
    keys = new long[2 * oldVpns.length];
    pages = new int[2 * oldPages.length];
    Arrays.fill(keys, EMPTY);
    for (int i = 0; i < oldVpns.length; i++) {
      if (oldVpns[i] != EMPTY) {
        int slot = slotOf(oldVpns[i]);
        keys[slot] = oldVpns[i];
        pages[slot] = oldPages[i];
      }
    }
  }
}
