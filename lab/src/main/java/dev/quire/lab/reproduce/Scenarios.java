package dev.quire.lab.reproduce;

import dev.quire.lab.cost.Amounts;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/** Runs scenarios by name, each once: several rows, of several experiments, rest on one run. */
public final class Scenarios {
  private final Map<String, Workload> workloads;
  private final Map<String, Amounts> done = new HashMap<>();

  /**
   * @param workloads by the first part of a scenario's name
   */
  public Scenarios(Map<String, Workload> workloads) {
    this.workloads = Map.copyOf(workloads);
  }

  /** What a scenario does. */
  public Amounts of(String scenario) {
    Amounts known = done.get(scenario);
    if (known == null) {
      List<String> parts = Arrays.asList(scenario.split("/"));
      Workload workload = workloads.get(parts.getFirst());
      if (workload == null) {
        throw new IllegalArgumentException("no workload runs the scenario " + scenario);
      }
      known = workload.run(parts);
      done.put(scenario, known);
    }
    return known;
  }
}
