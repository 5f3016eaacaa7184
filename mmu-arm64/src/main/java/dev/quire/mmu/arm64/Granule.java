package dev.quire.mmu.arm64;

import dev.quire.mmu.Order;

/**
 * The geometry of one translation granule: how an input address splits into table indexes. Levels
 * are numbered as in the Arm ARM, 3 being the level of pages. Source: Arm ARM DDI 0487, D8.2
 * (granules), D8.3 (descriptor formats, Table D8-27 for the contiguous bit).
 *
 * @param log2Bytes base-2 logarithm of the granule in bytes: 12, 14 or 16
 * @param indexBits index bits of one full table ({@code stride} in the pseudocode)
 * @param firstBlockLevel the lowest numbered level that has block descriptors (without FEAT_LPA and
 *     FEAT_LPA2)
 * @param log2ContiguousPages base-2 logarithm of the number of level 3 entries in a contiguous
 *     group
 * @param log2ContiguousBlocks the same for level 2, and level 1 where it has blocks
 */
public record Granule(
    int log2Bytes,
    int indexBits,
    int firstBlockLevel,
    int log2ContiguousPages,
    int log2ContiguousBlocks) {
  public static final Granule SIZE_4K = new Granule(12, 9, 1, 4, 4);
  public static final Granule SIZE_16K = new Granule(14, 11, 2, 7, 5);
  public static final Granule SIZE_64K = new Granule(16, 13, 2, 5, 5);

  /** The level of page descriptors. */
  public static final int FINAL_LEVEL = 3;

  private static final int LOG2_DESCRIPTOR_BYTES = 3;

  /** The shift that turns an address into the number of its entry at {@code level}. */
  public int shift(int level) {
    return log2Bytes + indexBits * (FINAL_LEVEL - level);
  }

  /** Whether a leaf (block or page) may stand at {@code level}. */
  public boolean leafAllowed(int level) {
    return level >= firstBlockLevel && level <= FINAL_LEVEL;
  }

  /** The same where addresses may have 52 bits: one level more has blocks. */
  boolean leafAllowed(int level, boolean wide) {
    return leafAllowed(wide ? level + 1 : level) || level == FINAL_LEVEL;
  }

  /** The {@link Order} of a leaf at {@code level}. */
  public int leafOrder(int level) {
    return shift(level) - Order.BASE_PAGE_SHIFT;
  }

  /**
   * The {@link Order} of a contiguous group of leaves at {@code level}; that of one leaf at the
   * level that has blocks only with 52-bit addresses, where the bit is RES0.
   */
  public int contiguousOrder(int level) {
    if (level < firstBlockLevel) {
      return leafOrder(level);
    }
    return leafOrder(level) + (level == FINAL_LEVEL ? log2ContiguousPages : log2ContiguousBlocks);
  }

  /** AArch64.S1StartLevel: the level that resolves the top bits of {@code inputBits}. */
  public int startLevel(int inputBits) {
    return FINAL_LEVEL - (inputBits - 1 - log2Bytes) / indexBits;
  }

  /**
   * Base-2 logarithm of the bytes of the table at {@code startLevel}: smaller than a granule when
   * few input bits are left for it, larger when a second stage concatenates tables.
   */
  public int log2StartTableBytes(int inputBits, int startLevel) {
    return inputBits - shift(startLevel) + LOG2_DESCRIPTOR_BYTES;
  }
}
