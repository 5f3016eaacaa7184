package dev.quire.lab.bench;

import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import org.openjdk.jmh.profile.GCProfiler;
import org.openjdk.jmh.results.Result;
import org.openjdk.jmh.results.RunResult;
import org.openjdk.jmh.runner.Runner;
import org.openjdk.jmh.runner.RunnerException;
import org.openjdk.jmh.runner.options.OptionsBuilder;
import org.openjdk.jmh.runner.options.VerboseMode;

/** Runs {@link NestedFill} by JMH with its allocation profiler. */
public final class FillBench {
  private static final String BENCH = "fill";
  private static final double MOST_NANOS = 1_000;

  /** JMH spreads what its own machinery allocates over the operations: no operation's share. */
  private static final double NO_BYTES = 0.01;

  public List<Ratio> run() {
    Collection<RunResult> runs;
    try {
      runs =
          new Runner(
                  new OptionsBuilder()
                      .include(NestedFill.class.getName())
                      .addProfiler(GCProfiler.class)
                      .verbosity(VerboseMode.SILENT)
                      .build())
              .run();
    } catch (RunnerException e) {
      throw new IllegalStateException("JMH failed: " + e.getMessage(), e);
    }
    double walk = find(runs, "nestedWalk").getPrimaryResult().getScore();
    double hit = find(runs, "tlbHit").getPrimaryResult().getScore();
    String name = "nested walk of 24 references";
    List<Ratio> results = new ArrayList<>();
    results.add(Ratio.cost(BENCH, name, "ns", walk, "1 us", MOST_NANOS, 1));
    results.add(Ratio.part(BENCH, "answered by the architectural TLB", "ns", hit, name, walk));
    for (String benchmark : List.of("nestedWalk", "tlbHit")) {
      double bytes = allocated(find(runs, benchmark));
      String what = "allocation of " + benchmark;
      boolean none = bytes < NO_BYTES;
      results.add(new Ratio(BENCH, what, "B/op", bytes, "none", 0, bytes, "0 B/op", none));
    }
    return results;
  }

  private static double allocated(RunResult run) {
    for (Map.Entry<String, ?> entry : run.getSecondaryResults().entrySet()) {
      if (entry.getKey().endsWith("gc.alloc.rate.norm")
          && entry.getValue() instanceof Result<?> result) {
        return result.getScore();
      }
    }
    throw new IllegalStateException("JMH reported no allocation");
  }

  private static RunResult find(Collection<RunResult> runs, String benchmark) {
    for (RunResult run : runs) {
      if (run.getParams().getBenchmark().endsWith("." + benchmark)) {
        return run;
      }
    }
    throw new IllegalStateException("JMH did not run " + benchmark);
  }
}
