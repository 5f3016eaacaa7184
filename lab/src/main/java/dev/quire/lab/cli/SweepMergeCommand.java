package dev.quire.lab.cli;

import dev.quire.lab.report.AtomicFile;
import dev.quire.lab.sweep.SweepMerge;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** {@code quire sweep merge}: results of shards as the file that one run would have made. */
@Command(
    name = "merge",
    description = "Merge the results of shards into the file that one run would have made.")
public final class SweepMergeCommand implements Callable<Integer> {
  private final Invocation invocation;

  @Mixin CommonOptions common;

  @Parameters(index = "0", paramLabel = "OUT", description = "The merged file.")
  Path out;

  @Parameters(index = "1..*", arity = "1..*", paramLabel = "IN", description = "Files of shards.")
  List<Path> in;

  @Option(
      names = "--report",
      paramLabel = "FILE",
      description = "Write table and plots of TLB figures to FILE as one HTML page.")
  Path report;

  SweepMergeCommand(Invocation invocation) {
    this.invocation = invocation;
  }

  @Override
  public Integer call() {
    ReportFile.check(report);
    ReportFile.check(out, "the merged results to " + out);
    SweepMerge merged;
    try {
      merged = SweepMerge.of(in);
      merged.requireNothingLost(out);
    } catch (NoSuchFileException e) {
      throw CommandFailure.usage(e.getMessage() + ": no such file", e);
    } catch (IOException e) {
      throw CommandFailure.usage("cannot read a shard: " + e.getMessage(), e);
    }
    try {
      AtomicFile.write(out, merged.text().getBytes(StandardCharsets.UTF_8));
      SweepCommand.writeJson(invocation, common, merged.text());
    } catch (IOException e) {
      throw CommandFailure.usage(
          "cannot write the merged results to " + out + ": " + e.getMessage(), e);
    }
    if (report != null) {
      SweepCommand.writeReport(report, merged.text());
    }
    if (!common.quiet) {
      invocation
          .err()
          .printf(
              "quire: %,d cells merged, %,d missing, %,d failed; results in %s%n",
              merged.cells(), merged.missing(), merged.failures(), out);
    }
    return merged.missing() == 0 && merged.failures() == 0 ? ExitCode.DONE : ExitCode.FAILED;
  }
}
