package dev.quire.lab.cli;

import dev.quire.emulator.json.JsonValues;
import dev.quire.lab.report.Manifest;
import dev.quire.lab.report.html.TlbPage;
import dev.quire.lab.sweep.BadSweepException;
import dev.quire.lab.sweep.CommandShape;
import dev.quire.lab.sweep.Shard;
import dev.quire.lab.sweep.SweepCell;
import dev.quire.lab.sweep.SweepResults;
import dev.quire.lab.sweep.SweepRunner;
import dev.quire.lab.sweep.SweepSpec;
import java.io.FileOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.Callable;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Model.OptionSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** {@code quire sweep}: a grid of runs in parallel processes, which survives being killed. */
@Command(
    name = "sweep",
    description = "Run a grid of a command in parallel processes; run it again to resume.",
    synopsisSubcommandLabel = "[merge ...]",
    footer =
        "%nA run that was killed goes on where it was when the same command is given again: cells"
            + " with a result are not repeated. docs/SWEEPS.md tells the form of SPEC.yaml, and how"
            + " to run shards under Slurm and Kubernetes.")
public final class SweepCommand implements Callable<Integer> {
  private static final int MOST_SPEC_BYTES = 1 << 20;
  private static final int MOST_JOBS = 1024;

  private final Invocation invocation;

  @Mixin CommonOptions common;

  @Parameters(index = "0", arity = "0..1", paramLabel = "SPEC.yaml", description = "The grid.")
  Path spec;

  @Option(
      names = "--out",
      paramLabel = "FILE",
      description =
          "Results, as JSON lines (default: the spec's name with .results.jsonl, in this folder;"
              + " with --shard .I-of-N.jsonl).")
  Path out;

  @Option(
      names = "--shard",
      paramLabel = "I/N",
      description = "Only every Nth cell from the Ith on, I from 0 to N-1.")
  String shard;

  @Option(
      names = "--jobs",
      paramLabel = "N",
      description = "Processes at a time (default: the number of processors).")
  Integer jobs;

  @Option(names = "--retry-failed", description = "Run again what failed before.")
  boolean retryFailed;

  @Option(
      names = "--report",
      paramLabel = "FILE",
      description = "Write table and plots of TLB figures to FILE as one HTML page.")
  Path report;

  SweepCommand(Invocation invocation) {
    this.invocation = invocation;
  }

  /** The command with its subcommand. */
  static CommandLine withMerge(Invocation invocation) {
    CommandLine line = new CommandLine(new SweepCommand(invocation));
    line.addSubcommand(new SweepMergeCommand(invocation));
    return line;
  }

  @Override
  public Integer call() {
    if (spec == null) {
      throw CommandFailure.usage("SPEC.yaml is missing: name the file that describes the grid");
    }
    int processes = jobs == null ? Runtime.getRuntime().availableProcessors() : jobs;
    if (processes < 1 || processes > MOST_JOBS) {
      throw CommandFailure.usage("--jobs " + processes + " is out of range: 1 to " + MOST_JOBS);
    }
    Shard part = shard == null ? Shard.WHOLE : Shard.parse(shard);
    ReportFile.check(report);
    SweepSpec sweep = SweepSpec.read(spec.toString(), text(spec), shapes());
    if (report != null && !sweep.command().equals("tlb")) {
      throw CommandFailure.usage("--report draws TLB figures: only sweeps of 'tlb' have them");
    }
    List<SweepCell> cells = new ArrayList<>(sweep.cells(common.seed));
    cells.removeIf(cell -> !part.has(cell));
    Manifest manifest = Build.manifest(invocation, common.seed, sweep.config());
    Path file = out == null ? usual(part) : out;
    ReportFile.check(file, "--out " + file);
    try (SweepResults results = SweepResults.open(file, manifest.members(), retryFailed)) {
      return run(sweep, cells, file, results, processes);
    } catch (IOException e) {
      throw CommandFailure.usage("cannot write --out " + file + ": " + e.getMessage(), e);
    }
  }

  private Path usual(Shard part) {
    String name = spec.getFileName().toString().replaceFirst("\\.ya?ml$", "");
    return Path.of(
        part.equals(Shard.WHOLE)
            ? name + ".results.jsonl"
            : name + "." + part.index() + "-of-" + part.count() + ".jsonl");
  }

  @SuppressWarnings("try") // guard and progress act by being open
  private int run(
      SweepSpec sweep, List<SweepCell> cells, Path file, SweepResults results, int processes)
      throws IOException {
    int before = (int) cells.stream().filter(results::has).count();
    boolean complete;
    try (SweepProgress progress =
        new SweepProgress(invocation, common.quiet, cells.size(), before)) {
      SweepRunner runner =
          new SweepRunner(ChildCommand.prefix(), sweep.timeoutSeconds(), progress::ended);
      try (InterruptGuard guard = new InterruptGuard(runner::stop)) {
        complete = runner.run(cells, results, processes);
      }
    }
    if (!complete) {
      say("interrupted: give the same command again to go on; results so far in " + file);
      return ExitCode.INTERRUPTED;
    }
    results.finish();
    String text = results.text();
    writeJson(invocation, common, text);
    int failures = results.failures();
    if (report != null && failures < cells.size()) {
      writeReport(report, text);
    }
    say(
        "%,d cells, %,d of them there before, %,d failed; results in %s"
            .formatted(cells.size(), before, failures, file));
    return failures == 0 ? ExitCode.DONE : ExitCode.FAILED;
  }

  private void say(String message) {
    if (!common.quiet) {
      invocation.err().println("quire: " + message);
    }
  }

  /** A copy for {@code --json}. */
  static void writeJson(Invocation invocation, CommonOptions common, String text)
      throws IOException {
    if (common.jsonOnStandardOutput()) {
      invocation.out().print(text);
      invocation.out().flush();
    } else if (common.json != null) {
      try (OutputStream copy = new FileOutputStream(common.json)) {
        copy.write(text.getBytes(StandardCharsets.UTF_8));
      }
    }
  }

  /** Makes the page of the {@code point} lines of a results file. */
  static void writeReport(Path report, String results) {
    Map<String, Object> manifest = new LinkedHashMap<>();
    List<Map<String, Object>> points = new ArrayList<>();
    results
        .lines()
        .map(JsonValues::object)
        .forEach(
            line -> {
              if ("manifest".equals(line.get("kind"))) {
                manifest.putAll(line);
              } else if ("point".equals(line.get("kind"))) {
                points.add(line);
              }
            });
    try {
      ReportFile.write(report, TlbPage.of(manifest, points));
    } catch (IllegalArgumentException e) {
      throw CommandFailure.usage("--report " + report + ": " + e.getMessage(), e);
    }
  }

  /** The commands that can be a sweep's, as their options are declared. */
  private Map<String, CommandShape> shapes() {
    Map<String, CommandShape> shapes = new TreeMap<>();
    shapes.put("boot", shape(new BootCommand(invocation)));
    shapes.put("restore", shape(new RestoreCommand(invocation)));
    shapes.put("tlb", shape(new TlbCommand(invocation)));
    return shapes;
  }

  private static CommandShape shape(Object command) {
    Set<String> valued = new HashSet<>();
    Set<String> flags = new HashSet<>();
    for (OptionSpec option : CommandSpec.forAnnotatedObject(command).options()) {
      String name = option.longestName().replaceFirst("^--", "");
      (option.arity().max() == 0 ? flags : valued).add(name);
    }
    return new CommandShape(valued, flags);
  }

  private static String text(Path file) {
    if (Files.isDirectory(file)) {
      throw new BadSweepException(file + ": is a directory, a sweep's spec was expected");
    }
    try (InputStream input = Files.newInputStream(file)) {
      byte[] bytes = input.readNBytes(MOST_SPEC_BYTES + 1);
      if (bytes.length > MOST_SPEC_BYTES) {
        throw new BadSweepException(file + ": is above 1 MiB");
      }
      return StandardCharsets.UTF_8.newDecoder().decode(ByteBuffer.wrap(bytes)).toString();
    } catch (NoSuchFileException e) {
      throw new BadSweepException(file + ": no such file", e);
    } catch (CharacterCodingException e) {
      throw new BadSweepException(file + ": is not UTF-8 text", e);
    } catch (IOException e) {
      throw new BadSweepException(file + ": cannot be read: " + e.getMessage(), e);
    }
  }
}
