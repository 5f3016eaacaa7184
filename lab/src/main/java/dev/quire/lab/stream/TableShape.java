package dev.quire.lab.stream;

import dev.quire.mmu.Order;
import dev.quire.mmu.PteFormat;
import dev.quire.mmu.arm64.Granule;
import dev.quire.mmu.arm64.Stage1PteFormat;
import dev.quire.mmu.x86.EptEntry;
import dev.quire.mmu.x86.Ia32ePte;

/**
 * The levels of one stage's tables, counted down to 0 as in {@link PteFormat}.
 *
 * @param leafOrders by level: the order of what an entry maps
 * @param highestLeafLevel the highest level that has leaves
 * @param tableOrder of one table
 * @param groupOrder of a group of last-level leaves with the contiguous bit; 0 if there is none
 */
record TableShape(int[] leafOrders, int highestLeafLevel, int tableOrder, int groupOrder) {
  private static final int ARM64_VA_BITS = 48;

  /** Bits that the start level of KVM's stage 2 leaves to concatenated tables. */
  private static final int CONCATENATED_BITS = 4;

  /** What KVM gives a guest unless asked otherwise. */
  private static final int ARM64_IPA_BITS = 40;

  /** 4-level paging, SDM vol. 3A 4.5. */
  static TableShape x86Stage1() {
    return of(Ia32ePte.FOUR_LEVEL, 0);
  }

  /** A 4-level EPT. */
  static TableShape x86Stage2() {
    return of(EptEntry.FOUR_LEVEL, 0);
  }

  /** 48-bit addresses, as Linux's default. */
  static TableShape arm64Stage1(Granule granule) {
    return of(
        new Stage1PteFormat(granule, ARM64_VA_BITS, true),
        granule.contiguousOrder(Granule.FINAL_LEVEL));
  }

  /**
   * 40-bit addresses with as few levels as concatenation allows: 3 with a 4 KiB granule, 2 with the
   * others (Linux v6.18 arch/arm64/include/asm/stage2_pgtable.h, stage2_pgtable_levels).
   */
  static TableShape arm64Stage2(Granule granule) {
    int start = granule.startLevel(ARM64_IPA_BITS - CONCATENATED_BITS);
    int levels = Granule.FINAL_LEVEL - start + 1;
    int[] orders = new int[levels];
    int highest = 0;
    for (int level = 0; level < levels; level++) {
      orders[level] = granule.leafOrder(Granule.FINAL_LEVEL - level);
      if (granule.leafAllowed(Granule.FINAL_LEVEL - level)) {
        highest = level;
      }
    }
    return new TableShape(
        orders,
        highest,
        granule.log2Bytes() - Order.BASE_PAGE_SHIFT,
        granule.contiguousOrder(Granule.FINAL_LEVEL));
  }

  private static TableShape of(PteFormat format, int groupOrder) {
    int[] orders = new int[format.rootLevel() + 1];
    int highest = 0;
    for (int level = 0; level < orders.length; level++) {
      orders[level] = format.leafOrder(level);
      if (format.leafAllowed(level)) {
        highest = level;
      }
    }
    return new TableShape(orders, highest, format.tableOrder(0), groupOrder);
  }

  int rootLevel() {
    return leafOrders.length - 1;
  }

  /** Bits of address below those that choose an entry of this level. */
  int shift(int level) {
    return Order.shift(leafOrders[level]);
  }

  /** The level of the largest leaf that fits a run of this order, as Linux chooses it. */
  int leafLevel(int order) {
    int level = highestLeafLevel;
    while (level > 0 && leafOrders[level] > order) {
      level--;
    }
    return level;
  }

  /** Entries that a walk to a leaf of this level reads. */
  int references(int leafLevel) {
    return leafOrders.length - leafLevel;
  }

  /** The part of {@code va} that chooses a table of this level. */
  long tableNumber(long va, int level) {
    return level == rootLevel() ? 0 : va >>> shift(level + 1);
  }

  /** The byte offset of the entry that maps {@code va} in its table of this level. */
  long entryOffset(long va, int level) {
    long index = va >>> shift(level);
    if (level < rootLevel()) {
      index &= (1L << leafOrders[level + 1] - leafOrders[level]) - 1;
    }
    return index * Long.BYTES;
  }
}
