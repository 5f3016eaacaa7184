package dev.quire.lab.stream;

/**
 * A pointer chase: nodes at equal distances, linked into one cycle at random, so that each is
 * visited once a round and no order can be guessed.
 */
final class ChaseStream extends SyntheticStream {
  private final long base;
  private final long node;
  private final int[] next;
  private int at;

  ChaseStream(StreamParameters common, long node) {
    super(common.count(), common.writeShare(), common.seed());
    this.base = common.base();
    this.node = node;
    this.next = Permutation.cycle((int) (common.bytes() / node), common.seed());
  }

  @Override
  void fill(long[] target, int count) {
    int current = at;
    for (int i = 0; i < count; i++) {
      target[i] = base + current * node;
      current = next[current];
    }
    at = current;
  }
}
