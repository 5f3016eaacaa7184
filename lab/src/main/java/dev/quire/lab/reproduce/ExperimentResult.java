package dev.quire.lab.reproduce;

import dev.quire.lab.reproduce.Published.Ladder;
import dev.quire.lab.reproduce.RowResult.Basis;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * All rows of one experiment and how far the model is off.
 *
 * @param published what it was held against
 * @param plan what was fitted
 * @param rows in the order of the file
 */
public record ExperimentResult(Published published, Plan plan, List<RowResult> rows) {
  /** Rows that a report names as furthest off. */
  static final int WORST = 5;

  /** Means of one basis. */
  public record Mean(int rows, double model, double noChange) {}

  /** Mean absolute errors over the rows of one basis; NaN where there are none. */
  public Mean mean(Basis basis) {
    double model = 0;
    double noChange = 0;
    int count = 0;
    int answered = 0;
    for (RowResult row : rows) {
      if (row.basis() == basis && row.inMeans()) {
        model += Math.abs(row.error());
        count++;
        if (!Double.isNaN(row.noChangeError())) {
          noChange += Math.abs(row.noChangeError());
          answered++;
        }
      }
    }
    return new Mean(
        count,
        count == 0 ? Double.NaN : model / count,
        answered == 0 ? Double.NaN : noChange / answered);
  }

  /** How many rows have this basis. */
  public long count(Basis basis) {
    return rows.stream().filter(row -> row.basis() == basis).count();
  }

  /** Bounds that are not kept. */
  public List<RowResult> brokenBounds() {
    return rows.stream().filter(row -> Boolean.FALSE.equals(row.bound())).toList();
  }

  /** Bounds there are, of those that are modelled. */
  public long bounds() {
    return rows.stream().filter(row -> row.bound() != null).count();
  }

  /** The rows that are furthest off. */
  public List<RowResult> worst(int most) {
    return rows.stream()
        .filter(RowResult::inMeans)
        .sorted(Comparator.comparingDouble((RowResult row) -> -Math.abs(row.error())))
        .limit(most)
        .toList();
  }

  /** Pairs of rows that the model puts the other way round than the publication: "a > b". */
  public List<String> wrongOrders(Ladder ladder) {
    Map<String, RowResult> byName = new LinkedHashMap<>();
    rows.forEach(row -> byName.put(row.row().name(), row));
    List<String> wrong = new ArrayList<>();
    List<String> names = ladder.rows();
    for (int i = 0; i < names.size(); i++) {
      for (int j = i + 1; j < names.size(); j++) {
        RowResult one = byName.get(names.get(i));
        RowResult other = byName.get(names.get(j));
        double published = one.row().published() - other.row().published();
        double modelled = one.modelled() - other.modelled();
        // Differences of decimal fractions: a tie of 0.5 is one at 0.5000000001 too.
        if (Math.abs(published) > ladder.ties() + 1e-9 && published * modelled <= 0) {
          wrong.add(names.get(i) + (published > 0 ? " > " : " < ") + names.get(j));
        }
      }
    }
    return wrong;
  }

  /** The members of the JSON line {@code summary}. */
  public Map<String, Object> members() {
    Map<String, Object> members = new LinkedHashMap<>();
    members.put("experiment", published.experiment());
    members.put("rows", rows.size());
    for (Basis basis : Basis.values()) {
      members.put(basis.text() + "_rows", count(basis));
    }
    members.put("free_prices", plan.freePrices());
    for (Basis basis : List.of(Basis.PREDICTED, Basis.FITTED)) {
      Mean mean = mean(basis);
      members.put(basis.text() + "_mean_absolute_error", finite(mean.model()));
      members.put(basis.text() + "_no_change_error", finite(mean.noChange()));
    }
    members.put("furthest_off", worst(WORST).stream().map(row -> row.row().name()).toList());
    members.put("bounds", bounds());
    members.put("bounds_broken", brokenBounds().stream().map(row -> row.row().name()).toList());
    List<String> wrong = new ArrayList<>();
    published.ladders().forEach(ladder -> wrong.addAll(wrongOrders(ladder)));
    members.put("ladders", published.ladders().size());
    members.put("wrong_orders", wrong);
    return members;
  }

  private static Double finite(double value) {
    return Double.isFinite(value) ? Math.round(value * 1e6) / 1e6 : null;
  }
}
