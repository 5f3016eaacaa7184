package dev.quire.lab.reproduce;

import dev.quire.kernel.cost.Price;
import dev.quire.kernel.cost.Price.Basis;
import dev.quire.lab.cost.Amounts;
import dev.quire.lab.cost.CostFiles;
import dev.quire.lab.cost.MachineCosts;
import dev.quire.lab.cost.NonNegativeLeastSquares;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.function.Function;

/**
 * Finds the free prices of a machine by non-negative least squares on the rows that the plans of
 * all experiments name for it.
 *
 * <p>A row of time is one linear equation in the prices. A row of change says that one sum is a
 * known multiple of another: linear as well, with a weight that depends on the answer, so that the
 * solution is repeated with the weights of the last one until it stays. Errors weigh as they are
 * reported: a percentage point like a per cent.
 */
public final class Fit {
  private static final int MOST_ROUNDS = 200;
  private static final double SETTLED = 1e-12;

  /** Where the weights of changes start: nanoseconds of every free price. */
  private static final double START_NANOS = 100;

  private final String machine;
  private final List<Plan.Free> free;
  private final Map<String, PublishedRow> rows;
  private final Function<String, Amounts> scenarios;
  private final MachineCosts taken;

  private Fit(
      String machine,
      List<Plan.Free> free,
      Map<String, PublishedRow> rows,
      Function<String, Amounts> scenarios,
      MachineCosts taken) {
    this.machine = machine;
    this.free = free;
    this.rows = rows;
    this.scenarios = scenarios;
    this.taken = taken;
  }

  /**
   * What a fit found.
   *
   * @param rows used, as EXPERIMENT: ROW
   * @param nanos by price
   */
  public record Found(String machine, List<String> rows, Map<String, Double> nanos) {
    public Found {
      rows = List.copyOf(rows);
      nanos = new TreeMap<>(nanos);
    }

    /** As prices. */
    public Map<String, Price> prices() {
      Map<String, Price> prices = new TreeMap<>();
      nanos.forEach(
          (name, value) ->
              prices.put(
                  name, new Price(value, Basis.FITTED, "fitted on " + String.join(", ", rows))));
      return prices;
    }

    /** The text of the machine's file of fitted prices. */
    public String fileText() {
      return CostFiles.fittedText(machine, rows, nanos);
    }
  }

  /**
   * Fits a machine.
   *
   * @return null if no plan has a part for it
   * @throws IllegalArgumentException if the rows do not tell the prices apart
   */
  public static Found of(
      String machine,
      Map<Published, Plan> experiments,
      Function<String, Amounts> scenarios,
      MachineCosts taken) {
    Set<Plan.Free> free = new LinkedHashSet<>();
    Map<String, PublishedRow> rows = new LinkedHashMap<>();
    experiments.forEach(
        (published, plan) -> {
          for (Plan.Part part : plan.machines()) {
            if (part.machine().equals(machine)) {
              free.addAll(part.free());
              part.fitted()
                  .forEach(
                      row -> rows.put(plan.experiment() + ": " + row, published.rows().get(row)));
            }
          }
        });
    if (free.isEmpty()) {
      return null;
    }
    Set<String> names = new LinkedHashSet<>();
    free.forEach(price -> names.addAll(price.names()));
    MachineCosts known = taken.without(names);
    if (rows.values().stream().anyMatch(row -> row.formula() instanceof Formula.Rate)) {
      return new RateFit(machine, List.copyOf(free), rows, known).run();
    }
    return new Fit(machine, List.copyOf(free), rows, scenarios, known).run();
  }

  private Found run() {
    double[] nanos = new double[free.size()];
    Arrays.fill(nanos, START_NANOS);
    boolean settled = false;
    for (int round = 0; round < MOST_ROUNDS && !settled; round++) {
      double[] next = solve(costs(nanos));
      double change = 0;
      for (int i = 0; i < next.length; i++) {
        change = Math.max(change, Math.abs(next[i] - nanos[i]) / Math.max(1e-9, next[i]));
      }
      settled = change < SETTLED;
      nanos = next;
    }
    Map<String, Double> found = new TreeMap<>();
    for (int i = 0; i < nanos.length; i++) {
      for (String name : free.get(i).names()) {
        found.put(name, nanos[i]);
      }
    }
    return new Found(machine, new ArrayList<>(rows.keySet()), found);
  }

  private MachineCosts costs(double[] nanos) {
    Map<String, Price> prices = new TreeMap<>();
    for (int i = 0; i < nanos.length; i++) {
      for (String name : free.get(i).names()) {
        prices.put(name, new Price(nanos[i], Basis.FITTED, "fit"));
      }
    }
    return taken.with(prices);
  }

  /** Whether what is free is by how much a machine is slower than the one it is like. */
  private boolean onlyFactor() {
    boolean factor = free.getFirst().names().contains(MachineCosts.HOST_FACTOR);
    if (factor && free.size() > 1) {
      throw new IllegalArgumentException(
          machine + ": a factor on all prices leaves no other price free");
    }
    return factor;
  }

  /** One round, with the weights that {@code weighing} gives. */
  private double[] solve(MachineCosts weighing) {
    double[][] a = new double[rows.size()][];
    double[] b = new double[rows.size()];
    int i = 0;
    for (PublishedRow row : rows.values()) {
      // Sum of price times amount of `balance` shall be `target`; `per` makes it per cent.
      Amounts balance;
      double target = 0;
      double per;
      switch (row.formula()) {
        case Formula.Time time -> {
          balance = scenarios.apply(time.of());
          target = row.published() * time.unitNanos();
          per = 100 / target;
        }
        case Formula.Change change -> {
          Amounts before = scenarios.apply(change.before());
          Amounts after = scenarios.apply(change.after());
          double ratio = change.form().ratio(row.published());
          balance = after.plus(before.times(-ratio));
          per = 100 / weighing.nanos(before);
        }
        default ->
            throw new IllegalArgumentException(row.name() + ": nothing to fit on such a row");
      }
      a[i] = new double[free.size()];
      double known = taken.nanos(balance);
      if (onlyFactor()) {
        a[i][0] = per * known;
        b[i] = per * target;
      } else {
        for (int j = 0; j < free.size(); j++) {
          for (String name : free.get(j).names()) {
            a[i][j] += per * balance.of(name);
          }
        }
        b[i] = per * (target - known);
      }
      i++;
    }
    return NonNegativeLeastSquares.solve(a, b);
  }
}
