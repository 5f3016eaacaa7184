package dev.quire.mmu.tlb;

import java.util.List;

/**
 * A cache of stage-1 table entries that lead to other tables: Intel's paging-structure caches,
 * AMD's page-walk cache, Arm's intermediate walk cache.
 *
 * @param name for reports; unique in its geometry
 * @param heights of the entries it holds, above the leaf table: 1 for a PDE, 2 for a PDPTE, 3 for a
 *     PML4E, 4 for a PML5E; with a 16 KiB granule 1 is the entry for 32 MiB
 * @param entries how many; 0 if it shares the L2 array that serves the access
 * @param ways associativity; 0 if shared
 * @param replacement which entry gives way
 */
public record WalkCache(
    String name, List<Integer> heights, int entries, int ways, TlbReplacement replacement) {
  /** Five levels: four heights above the leaf table. */
  public static final int MAX_HEIGHT = 4;

  /** Checks every field. */
  public WalkCache {
    heights = List.copyOf(heights);
    if (entries != 0 || ways != 0) {
      TlbArray.checkShape(name, entries, ways);
      TlbArray.checkReplacement(name, ways, replacement);
    }
    if (heights.isEmpty()) {
      throw new IllegalArgumentException(name + " holds no height");
    }
    for (int height : heights) {
      if (height < 1 || height > MAX_HEIGHT) {
        throw new IllegalArgumentException(
            name + ": height " + height + " is not in 1.." + MAX_HEIGHT);
      }
    }
  }

  /** A cache of its own with LRU replacement. */
  public static WalkCache of(String name, List<Integer> heights, int entries, int ways) {
    return new WalkCache(name, heights, entries, ways, TlbReplacement.LRU);
  }

  /** Entries that compete for the L2 array. */
  public static WalkCache inL2(String name, List<Integer> heights) {
    return new WalkCache(name, heights, 0, 0, TlbReplacement.LRU);
  }

  /** Whether its entries live in the L2 array. */
  public boolean sharesL2() {
    return entries == 0;
  }
}
