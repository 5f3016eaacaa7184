package dev.quire.mmu.x86;

import dev.quire.mmu.Order;
import dev.quire.mmu.PteFormat;

/**
 * The geometry that paging of 4 and 5 levels and EPT have in common: tables of 512 entries in a
 * page of 4 KiB, leaves of 4 KiB, 2 MiB and 1 GiB (SDM vol. 3A 4.5.4, vol. 3C 28.3.2).
 *
 * <p>Port levels count from 0 for the page table, one less than the manual's order.
 */
abstract class TableOf512 implements PteFormat {
  /** Address bits that choose an entry of a table. */
  static final int INDEX_BITS = 9;

  private static final int ENTRIES = 1 << INDEX_BITS;
  private static final int LARGEST_LEAF_LEVEL = 2;

  private final int rootLevel;

  TableOf512(int levels) {
    rootLevel = levels - 1;
  }

  @Override
  public final int rootLevel() {
    return rootLevel;
  }

  @Override
  public final int entries(int level) {
    return ENTRIES;
  }

  @Override
  public final int index(long address, int level) {
    return (int) (address >>> Order.shift(INDEX_BITS * level)) & ENTRIES - 1;
  }

  @Override
  public final int leafOrder(int level) {
    return INDEX_BITS * level;
  }

  @Override
  public final boolean leafAllowed(int level) {
    return level <= LARGEST_LEAF_LEVEL;
  }

  @Override
  public final int tableOrder(int level) {
    return Order.SIZE_4K;
  }

  /** The frame in bits 51:12, of a leaf without the bits below its page. */
  static long pfn(long entry, int level, boolean leaf) {
    long address = entry & Ia32ePte.ADDRESS;
    if (leaf) {
      address &= ~Order.offsetMask(INDEX_BITS * level);
    }
    return address >>> Order.BASE_PAGE_SHIFT;
  }
}
