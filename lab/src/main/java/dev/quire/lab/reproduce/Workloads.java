package dev.quire.lab.reproduce;

import java.util.HashMap;
import java.util.Map;

/** All workloads, by the first part of the names of their scenarios. */
public final class Workloads {
  private Workloads() {}

  /** At the size at which {@code quire reproduce} runs them. */
  public static Map<String, Workload> of(long seed) {
    Map<String, Workload> workloads = new HashMap<>();
    Workload population = new GuestMemfdPopulation(1);
    for (String name : new String[] {"selftest", "firecracker", "counts"}) {
      workloads.put(name, population);
    }
    return workloads;
  }
}
