package dev.quire.lab.reproduce;

import java.util.HashMap;
import java.util.Map;

/** All workloads, by the first part of the names of their scenarios. */
public final class Workloads {
  /** What of 1 GiB is run. */
  private static final long FOLIO_BYTES = 64L << 20;

  private Workloads() {}

  /** At the size at which {@code quire reproduce} runs them. */
  public static Map<String, Workload> of(long seed) {
    Map<String, Workload> workloads = new HashMap<>();
    Workload population = new GuestMemfdPopulation(1);
    for (String name : new String[] {"selftest", "firecracker", "counts"}) {
      workloads.put(name, population);
    }
    Workload strategies = new PopulationStrategies();
    for (String name : new String[] {"populate", "page"}) {
      workloads.put(name, strategies);
    }
    Workload folios = new FolioBench(FOLIO_BYTES);
    for (String name : new String[] {"fork", "munmap", "dontneed", "cow", "remap"}) {
      workloads.put(name, folios);
    }
    workloads.put("build", new KernelBuild(seed));
    return workloads;
  }
}
