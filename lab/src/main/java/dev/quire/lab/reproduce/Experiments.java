package dev.quire.lab.reproduce;

import dev.quire.kernel.cost.Price;
import dev.quire.lab.cost.Amounts;
import dev.quire.lab.cost.CostFiles;
import dev.quire.lab.cost.MachineCosts;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * The experiments with their rows, plans, prices and workloads. Scenarios run when asked for, each
 * once. One thread.
 */
public final class Experiments {
  private final Scenarios scenarios;
  private final Map<String, MachineCosts> machines = new HashMap<>();

  /**
   * @param workloads by the first part of a scenario's name
   */
  public Experiments(Map<String, Workload> workloads) {
    scenarios = new Scenarios(workloads);
  }

  /** What a scenario does. */
  public Amounts scenario(String name) {
    return scenarios.of(name);
  }

  /** The prices of a machine. */
  public MachineCosts machine(String name) {
    return machines.computeIfAbsent(name, CostFiles::load);
  }

  /** Answers every row of an experiment. */
  public ExperimentResult run(String experiment) {
    Published published = Published.load(experiment);
    return new Reproduction(scenarios::of, this::machine).run(published, Plan.load(published));
  }

  /** Fits machines anew, on the rows that the plans of all experiments name. */
  public List<Fit.Found> fit(List<String> names) {
    Map<Published, Plan> plans = new LinkedHashMap<>();
    for (String name : Published.names()) {
      Published published = Published.load(name);
      plans.put(published, Plan.load(published));
    }
    List<Fit.Found> all = new ArrayList<>();
    Map<String, Map<String, Price>> prices = new HashMap<>();
    // In the order of the list: a machine may take over what was fitted for one before it.
    for (String machine : CostFiles.machines()) {
      if (names.contains(machine)) {
        MachineCosts taken = CostFiles.taken(machine, prices);
        Fit.Found found = Fit.of(machine, plans, scenarios::of, taken);
        if (found != null) {
          all.add(found);
          prices.put(machine, found.prices());
        }
      }
    }
    return all;
  }
}
