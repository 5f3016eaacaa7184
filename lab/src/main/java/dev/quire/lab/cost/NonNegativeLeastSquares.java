package dev.quire.lab.cost;

import java.util.Arrays;

/**
 * Finds x of no negative part with the least sum of squares of (A x - b): the active-set method of
 * Lawson and Hanson (Solving Least Squares Problems, 1974, chapter 23), for small dense problems.
 * Pure; deterministic.
 */
public final class NonNegativeLeastSquares {
  private static final double TOLERANCE = 1e-10;

  private final double[][] a;
  private final double[] b;
  private final int columns;

  private NonNegativeLeastSquares(double[][] a, double[] b) {
    this.a = a;
    this.b = b;
    this.columns = a.length == 0 ? 0 : a[0].length;
  }

  /**
   * Solves.
   *
   * @param a rows of equal length
   * @param b one value a row
   * @throws IllegalArgumentException if columns depend on each other, so that x is not determined
   */
  public static double[] solve(double[][] a, double[] b) {
    return new NonNegativeLeastSquares(a, b).solve();
  }

  private double[] solve() {
    double[] scale = new double[columns];
    double[][] scaled = new double[a.length][columns];
    for (int j = 0; j < columns; j++) {
      for (double[] row : a) {
        scale[j] = Math.hypot(scale[j], row[j]);
      }
      if (scale[j] == 0) {
        throw new IllegalArgumentException("column " + j + " is zero: no row depends on it");
      }
      for (int i = 0; i < a.length; i++) {
        scaled[i][j] = a[i][j] / scale[j];
      }
    }
    boolean[] free = new boolean[columns];
    Arrays.fill(free, true);
    // Refuses columns that depend on each other, of which the search would leave one out unsaid.
    leastSquares(scaled, free);
    Arrays.fill(free, false);
    double[] x = new double[columns];
    for (int step = 0; step < 3 * columns + 10; step++) {
      int best = steepest(scaled, x, free);
      if (best < 0) {
        break;
      }
      free[best] = true;
      x = settle(scaled, x, free);
    }
    for (int j = 0; j < columns; j++) {
      x[j] /= scale[j];
    }
    return x;
  }

  /** The bound column along which the error falls most; -1 at the optimum. */
  private int steepest(double[][] m, double[] x, boolean[] free) {
    double[] residual = residual(m, x);
    int best = -1;
    double most = TOLERANCE * (1 + norm(b));
    for (int j = 0; j < columns; j++) {
      if (!free[j]) {
        double gradient = 0;
        for (int i = 0; i < m.length; i++) {
          gradient += m[i][j] * residual[i];
        }
        if (gradient > most) {
          most = gradient;
          best = j;
        }
      }
    }
    return best;
  }

  /** Least squares over the free columns; those that would turn negative are bound again. */
  private double[] settle(double[][] m, double[] start, boolean[] free) {
    double[] x = start;
    while (true) {
      double[] z = leastSquares(m, free);
      double step = 1;
      for (int j = 0; j < columns; j++) {
        if (free[j] && z[j] <= 0) {
          step = Math.min(step, x[j] / (x[j] - z[j]));
        }
      }
      double[] next = new double[columns];
      boolean inside = true;
      for (int j = 0; j < columns; j++) {
        if (free[j]) {
          next[j] = x[j] + step * (z[j] - x[j]);
          if (z[j] <= 0 && next[j] <= TOLERANCE * (1 + Math.abs(x[j]))) {
            next[j] = 0;
            free[j] = false;
          }
          inside &= z[j] > 0;
        }
      }
      if (inside) {
        return z;
      }
      x = next;
    }
  }

  /** Householder reflections on the free columns. */
  private double[] leastSquares(double[][] m, boolean[] free) {
    int count = 0;
    int[] which = new int[columns];
    for (int j = 0; j < columns; j++) {
      if (free[j]) {
        which[count++] = j;
      }
    }
    double[][] r = new double[m.length][count];
    double[] rhs = b.clone();
    for (int i = 0; i < m.length; i++) {
      for (int k = 0; k < count; k++) {
        r[i][k] = m[i][which[k]];
      }
    }
    for (int k = 0; k < count; k++) {
      reflect(r, rhs, k, count);
    }
    double[] z = new double[columns];
    for (int k = count - 1; k >= 0; k--) {
      double sum = rhs[k];
      for (int l = k + 1; l < count; l++) {
        sum -= r[k][l] * z[which[l]];
      }
      z[which[k]] = sum / r[k][k];
    }
    return z;
  }

  private static void reflect(double[][] r, double[] rhs, int k, int count) {
    double length = 0;
    for (int i = k; i < r.length; i++) {
      length = Math.hypot(length, r[i][k]);
    }
    if (length < 1e-9) {
      throw new IllegalArgumentException(
          "the rows do not tell the parameters apart: %d of them depend on others".formatted(k));
    }
    double diagonal = r[k][k] > 0 ? -length : length;
    double[] v = new double[r.length];
    double square = 0;
    for (int i = k; i < r.length; i++) {
      v[i] = r[i][k] - (i == k ? diagonal : 0);
      square += v[i] * v[i];
    }
    for (int l = k; l < count; l++) {
      double dot = 0;
      for (int i = k; i < r.length; i++) {
        dot += v[i] * r[i][l];
      }
      for (int i = k; i < r.length; i++) {
        r[i][l] -= 2 * dot / square * v[i];
      }
    }
    double dot = 0;
    for (int i = k; i < r.length; i++) {
      dot += v[i] * rhs[i];
    }
    for (int i = k; i < r.length; i++) {
      rhs[i] -= 2 * dot / square * v[i];
    }
  }

  private double[] residual(double[][] m, double[] x) {
    double[] residual = b.clone();
    for (int i = 0; i < m.length; i++) {
      for (int j = 0; j < columns; j++) {
        residual[i] -= m[i][j] * x[j];
      }
    }
    return residual;
  }

  private static double norm(double[] v) {
    double norm = 0;
    for (double value : v) {
      norm = Math.hypot(norm, value);
    }
    return norm;
  }
}
