package dev.quire.lab.bench;

import dev.quire.lab.sweep.CommandShape;
import dev.quire.lab.sweep.SweepResults;
import dev.quire.lab.sweep.SweepRunner;
import dev.quire.lab.sweep.SweepSpec;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * What parallel processes gain: a sweep of 48 cells with as many processes as processors against
 * the same sweep with one process at a time. Once each, since a round takes minutes; the cells of a
 * sweep average by themselves.
 */
public final class SweepBench {
  private static final double LEAST = 1.7;
  private static final double NANOS_PER_SECOND = 1e9;
  private static final String SPEC =
      """
      command: tlb
      options:
        stream: "uniform:bytes={footprint},count=16M"
        guest-pages: 4k
      axes:
        footprint: [64m, 128m, 256m, 512m]
        host-pages: [4k, mthp-64k, thp]
        tlb: [skylake-sp, icelake, zen2, zen4]
      """;

  private final List<String> quire;
  private final int processors;

  /**
   * @param quire the program and its first arguments, as for {@link SweepRunner}
   * @param processors of this machine
   */
  public SweepBench(List<String> quire, int processors) {
    this.quire = quire;
    this.processors = processors;
  }

  public List<Ratio> run() {
    CommandShape tlb =
        new CommandShape(Set.of("stream", "guest-pages", "host-pages", "tlb", "seed"), Set.of());
    SweepSpec spec = SweepSpec.read("bench", SPEC, Map.of("tlb", tlb));
    double one = seconds(spec, 1);
    double all = seconds(spec, processors);
    return List.of(
        Ratio.speed(
            "sweep",
            "48 cells, " + processors + " processes",
            "s",
            all,
            "one process at a time",
            one,
            LEAST));
  }

  private double seconds(SweepSpec spec, int jobs) {
    try {
      Path file = Files.createTempFile("quire-sweep", ".jsonl");
      long start = System.nanoTime();
      try (SweepResults results = SweepResults.open(file, Map.of(), false)) {
        new SweepRunner(quire, 0, (cell, exitCode) -> {}).run(spec.cells(1), results, jobs);
        results.finish();
        if (results.failures() != 0) {
          throw new IllegalStateException(
              results.failures() + " cells failed: see their lines in " + file);
        }
      }
      double seconds = (System.nanoTime() - start) / NANOS_PER_SECOND;
      Files.delete(file);
      return seconds;
    } catch (IOException e) {
      throw new UncheckedIOException("cannot write a sweep's results", e);
    }
  }
}
