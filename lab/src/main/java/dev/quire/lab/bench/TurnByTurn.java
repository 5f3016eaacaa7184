package dev.quire.lab.bench;

import java.util.Arrays;

/**
 * Measures several things in turns: one round runs each once, so that drift and other load fall on
 * all alike. Medians are reported.
 */
public final class TurnByTurn {
  private TurnByTurn() {}

  /** Something that takes time and says how much, in nanoseconds. */
  public interface Measured {
    double nanos();
  }

  /** The median of each over so many rounds, after one round that does not count. */
  public static double[] medians(int rounds, Measured... subjects) {
    double[][] samples = new double[subjects.length][rounds];
    for (int round = -1; round < rounds; round++) {
      for (int i = 0; i < subjects.length; i++) {
        double nanos = subjects[i].nanos();
        if (round >= 0) {
          samples[i][round] = nanos;
        }
      }
    }
    double[] medians = new double[subjects.length];
    for (int i = 0; i < subjects.length; i++) {
      medians[i] = median(samples[i]);
    }
    return medians;
  }

  static double median(double[] samples) {
    double[] sorted = samples.clone();
    Arrays.sort(sorted);
    int middle = sorted.length / 2;
    return sorted.length % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
  }
}
