package dev.quire.lab.cost;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class NonNegativeLeastSquaresTest {
  @Test
  void anExactSystem() {
    double[] x =
        NonNegativeLeastSquares.solve(
            new double[][] {{2, 0}, {0, 4}, {2, 4}}, new double[] {6, 20, 26});
    assertThat(x).containsExactly(new double[] {3, 5}, within(1e-9));
  }

  /** Without the bound the best second part is -1: then the first is fitted alone. */
  @Test
  void whatWouldBeNegativeIsZero() {
    double[] x =
        NonNegativeLeastSquares.solve(
            new double[][] {{1, 0}, {1, 1}, {0, 1}}, new double[] {2, 1, -1});
    assertThat(x[0]).isCloseTo(1.5, within(1e-9));
    assertThat(x[1]).isZero();
  }

  /** No direction that keeps all parts at zero or above lowers the error (Karush-Kuhn-Tucker). */
  @ParameterizedTest
  @ValueSource(longs = {1, 2, 3, 4, 5, 6, 7, 8})
  void randomSystemsEndAtTheOptimum(long seed) {
    Random random = new Random(seed);
    int rows = 3 + random.nextInt(10);
    int columns = 1 + random.nextInt(Math.min(rows, 7));
    double[][] a = new double[rows][columns];
    double[] b = new double[rows];
    for (int i = 0; i < rows; i++) {
      for (int j = 0; j < columns; j++) {
        // Counts differ by orders of magnitude.
        a[i][j] = random.nextGaussian() * Math.pow(10, j);
      }
      b[i] = random.nextGaussian();
    }
    double[] x = NonNegativeLeastSquares.solve(a, b);
    for (int j = 0; j < columns; j++) {
      double gradient = 0;
      double size = 0;
      for (int i = 0; i < rows; i++) {
        double residual = b[i];
        for (int k = 0; k < columns; k++) {
          residual -= a[i][k] * x[k];
        }
        gradient += a[i][j] * residual;
        size = Math.hypot(size, a[i][j]);
      }
      assertThat(x[j]).isNotNegative();
      assertThat(gradient / size).isLessThan(1e-7);
      if (x[j] > 0) {
        assertThat(gradient / size).isCloseTo(0, within(1e-7));
      }
    }
  }

  @Test
  void whatCannotBeToldApartIsRefused() {
    double[][] twice = {{1, 2}, {2, 4}, {3, 6}};
    assertThatThrownBy(() -> NonNegativeLeastSquares.solve(twice, new double[] {1, 2, 4}))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("do not tell the parameters apart");
    double[][] nothing = {{1, 0}, {2, 0}};
    assertThatThrownBy(() -> NonNegativeLeastSquares.solve(nothing, new double[] {1, 2}))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("no row depends on it");
  }
}
