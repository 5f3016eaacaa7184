package dev.quire.lab.reproduce;

import dev.quire.kernel.cost.Price;
import dev.quire.kernel.cost.Price.Basis;
import dev.quire.lab.cost.MachineCosts;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/**
 * Finds free prices on rates of a simulation, which no linear equation gives: the least sum of
 * squares of logarithms of ratios, by pattern search (Hooke and Jeeves, 1961) over the logarithms
 * of the prices. Deterministic, as the simulation is.
 */
final class RateFit {
  /** Where every free price starts, in nanoseconds. */
  private static final double START_NANOS = 1000;

  private static final double FIRST_STEP = 0.5;
  private static final double LAST_STEP = 0.002;
  private static final double SHRINK = 0.5;

  private final String machine;
  private final List<Plan.Free> free;
  private final Map<String, PublishedRow> rows;
  private final MachineCosts taken;

  RateFit(
      String machine, List<Plan.Free> free, Map<String, PublishedRow> rows, MachineCosts taken) {
    this.machine = machine;
    this.free = free;
    this.rows = rows;
    this.taken = taken;
    for (PublishedRow row : rows.values()) {
      if (!(row.formula() instanceof Formula.Rate)) {
        throw new IllegalArgumentException(
            "%s: %s is no rate, and rates are fitted by themselves".formatted(machine, row.name()));
      }
    }
  }

  Fit.Found run() {
    double[] logs = new double[free.size()];
    Arrays.fill(logs, Math.log(START_NANOS));
    double least = squares(logs);
    for (double step = FIRST_STEP; step > LAST_STEP; step *= SHRINK) {
      double before;
      do {
        before = least;
        for (int i = 0; i < logs.length; i++) {
          least = better(logs, i, step, least);
        }
      } while (least < before);
    }
    Map<String, Double> found = new TreeMap<>();
    prices(logs).forEach((name, price) -> found.put(name, price.nanos()));
    return new Fit.Found(machine, new ArrayList<>(rows.keySet()), found);
  }

  /** Moves one logarithm if that is better. */
  private double better(double[] logs, int i, double step, double least) {
    double old = logs[i];
    for (double moved : new double[] {old + step, old - step}) {
      logs[i] = moved;
      double squares = squares(logs);
      if (squares < least) {
        return squares;
      }
    }
    logs[i] = old;
    return least;
  }

  private Map<String, Price> prices(double[] logs) {
    Map<String, Price> prices = new TreeMap<>();
    for (int i = 0; i < logs.length; i++) {
      for (String name : free.get(i).names()) {
        prices.put(name, new Price(Math.exp(logs[i]), Basis.FITTED, "fit"));
      }
    }
    return prices;
  }

  private double squares(double[] logs) {
    MachineCosts costs = taken.with(prices(logs));
    double sum = 0;
    for (PublishedRow row : rows.values()) {
      double error = row.error(((Formula.Rate) row.formula()).answer(costs));
      sum += error * error;
    }
    return sum;
  }
}
