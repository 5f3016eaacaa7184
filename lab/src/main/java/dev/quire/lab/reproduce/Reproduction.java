package dev.quire.lab.reproduce;

import dev.quire.lab.cost.Amounts;
import dev.quire.lab.cost.MachineCosts;
import dev.quire.lab.reproduce.RowResult.Basis;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Function;

/** Answers the rows of an experiment. */
public final class Reproduction {
  private final Function<String, Amounts> scenarios;
  private final Function<String, MachineCosts> machines;

  /**
   * @param scenarios what a scenario does
   * @param machines the prices of a machine
   */
  public Reproduction(
      Function<String, Amounts> scenarios, Function<String, MachineCosts> machines) {
    this.scenarios = scenarios;
    this.machines = machines;
  }

  public ExperimentResult run(Published published, Plan plan) {
    List<RowResult> results = new ArrayList<>();
    for (PublishedRow row : published.rows().values()) {
      double modelled = modelled(row);
      Basis basis =
          switch (row.formula()) {
            case Formula.NotModelled none -> Basis.NOT_MODELLED;
            case Formula.Count counted -> Basis.COUNTED;
            default -> plan.isFitted(row.name()) ? Basis.FITTED : Basis.PREDICTED;
          };
      results.add(
          new RowResult(
              published.experiment(),
              row,
              modelled,
              row.error(modelled),
              noChangeError(published, row),
              basis));
    }
    return new ExperimentResult(published, plan, results);
  }

  /** The model's answer; NaN where it has none. */
  public double modelled(PublishedRow row) {
    return switch (row.formula()) {
      case Formula.NotModelled none -> Double.NaN;
      case Formula.Count count -> scenarios.apply(count.of()).of(count.what());
      case Formula.Time time ->
          machines.apply(row.machine()).nanos(scenarios.apply(time.of())) / time.unitNanos();
      case Formula.Rate rate -> rate.answer(machines.apply(row.machine()));
      case Formula.Change change -> {
        MachineCosts costs = machines.apply(row.machine());
        double before = costs.nanos(scenarios.apply(change.before()));
        double after = costs.nanos(scenarios.apply(change.after()));
        yield change.form().percent(before, after);
      }
    };
  }

  private static double noChangeError(Published published, PublishedRow row) {
    if (row.noChange() != null) {
      return row.error(published.rows().get(row.noChange()).published());
    }
    return row.isPercent() ? row.error(0) : Double.NaN;
  }
}
