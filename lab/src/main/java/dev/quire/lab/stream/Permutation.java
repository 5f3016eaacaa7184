package dev.quire.lab.stream;

/** Seeded permutations of 0 to n - 1. */
final class Permutation {
  private Permutation() {}

  /** Any permutation (Fisher and Yates). */
  static int[] shuffled(int n, long seed) {
    SplitMix random = new SplitMix(seed);
    int[] values = identity(n);
    for (int i = n - 1; i > 0; i--) {
      swap(values, i, (int) random.below(i + 1));
    }
    return values;
  }

  /** A permutation of a single cycle (Sattolo): following it from anywhere visits everything. */
  static int[] cycle(int n, long seed) {
    SplitMix random = new SplitMix(seed);
    int[] values = identity(n);
    for (int i = n - 1; i > 0; i--) {
      swap(values, i, (int) random.below(i));
    }
    return values;
  }

  private static int[] identity(int n) {
    int[] values = new int[n];
    for (int i = 0; i < n; i++) {
      values[i] = i;
    }
    return values;
  }

  private static void swap(int[] values, int a, int b) {
    int kept = values[a];
    values[a] = values[b];
    values[b] = kept;
  }
}
