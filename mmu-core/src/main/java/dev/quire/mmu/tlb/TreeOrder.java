package dev.quire.mmu.tlb;

import java.util.Arrays;

/** Tree-PLRU: for each set, which half of the ways under each node was used longer ago. */
final class TreeOrder {
  private final int ways;

  /** By set. Bit n: the half right of node n was used longer ago. */
  private final long[] trees;

  TreeOrder(int sets, int ways) {
    this.ways = ways;
    trees = new long[sets];
  }

  void reset() {
    Arrays.fill(trees, 0);
  }

  /** The way that the nodes lead to. */
  int victim(int set) {
    int node = 1;
    while (node < ways) {
      node = 2 * node + (int) (trees[set] >>> node & 1);
    }
    return node - ways;
  }

  void touch(int set, int way) {
    long tree = trees[set];
    for (int node = way + ways; node > 1; node >>>= 1) {
      long parent = 1L << (node >>> 1);
      tree = (node & 1) == 0 ? tree | parent : tree & ~parent;
    }
    trees[set] = tree;
  }
}
