package dev.quire.lab.cli;

import dev.quire.lab.cost.CostFiles;
import dev.quire.lab.report.JsonLines;
import dev.quire.lab.report.Manifest;
import dev.quire.lab.report.html.ReproducePage;
import dev.quire.lab.reproduce.ExperimentResult;
import dev.quire.lab.reproduce.Experiments;
import dev.quire.lab.reproduce.Fit;
import dev.quire.lab.reproduce.Published;
import dev.quire.lab.reproduce.ResultText;
import dev.quire.lab.reproduce.Workloads;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** {@code quire reproduce}: published results, run again on the modelled kernel. */
@Command(
    name = "reproduce",
    description = "Published kernel results, run again on the modelled kernel.",
    footer =
        "%nExperiments: guest-memfd-population, write-vs-memcpy, snapshot-restore,"
            + " large-anon-folios, mmap-exit, rmap. What is modelled how, and what was fitted on"
            + " what: docs/REPRODUCE.md.")
public final class ReproduceCommand implements Callable<Integer> {
  private final Invocation invocation;

  @Mixin CommonOptions common;

  @Parameters(
      paramLabel = "EXPERIMENT",
      arity = "0..*",
      description = "What to reproduce; with --fit, machines (default: everything).")
  List<String> names = List.of();

  @Option(
      names = "--report",
      paramLabel = "FILE",
      description = "Write rows and plots to FILE as one HTML page that works offline.")
  Path report;

  @Option(
      names = "--fit",
      description =
          "Only fit the free prices of machines again, on the rows that the plans name, and compare"
              + " them with those that ship.")
  boolean fit;

  @Option(
      names = "--fit-to",
      paramLabel = "FOLDER",
      description = "With --fit: write the files of fitted prices into FOLDER.")
  Path fitFolder;

  ReproduceCommand(Invocation invocation) {
    this.invocation = invocation;
  }

  @Override
  public Integer call() {
    for (String name : names) {
      if (fit) {
        checkMachine(name);
      } else {
        check(name);
      }
    }
    if (fitFolder != null && (!fit || !Files.isDirectory(fitFolder))) {
      throw CommandFailure.usage(
          fit ? "--fit-to " + fitFolder + ": there is no such folder" : "--fit-to needs --fit");
    }
    if (fit && report != null) {
      throw CommandFailure.usage("--fit writes no report");
    }
    ReportFile.check(report);
    Experiments experiments = new Experiments(Workloads.of(common.seed));
    return fit ? fit(experiments) : run(experiments);
  }

  private static void checkMachine(String name) {
    if (!CostFiles.machines().contains(name)) {
      throw CommandFailure.usage(
          "unknown machine '%s': --fit fits %s"
              .formatted(name, String.join(", ", CostFiles.machines())));
    }
  }

  private static void check(String name) {
    if (!Published.names().contains(name)) {
      String nearest = Nearest.to(name, Published.names());
      throw CommandFailure.usage(
          "unknown experiment '%s'%s: choose from %s"
              .formatted(
                  name,
                  nearest == null ? "" : ", did you mean " + nearest + "?",
                  String.join(", ", Published.names())));
    }
  }

  private int run(Experiments experiments) {
    List<String> chosen =
        names.isEmpty() ? Published.names() : List.copyOf(new LinkedHashSet<>(names));
    Map<String, Object> config = new LinkedHashMap<>();
    config.put("command", "reproduce");
    config.put("experiments", chosen);
    Manifest manifest = Build.manifest(invocation, common.seed, config);
    List<Map<String, Object>> rows = new ArrayList<>();
    List<Map<String, Object>> summaries = new ArrayList<>();
    try (JsonLines json = common.openJson(invocation)) {
      if (json != null) {
        json.manifest(manifest);
      }
      for (String name : chosen) {
        ExperimentResult result = experiments.run(name);
        result.rows().forEach(row -> rows.add(row.members()));
        summaries.add(result.members());
        if (json != null) {
          result.rows().forEach(row -> json.row("row", row.members()));
          json.row("summary", result.members());
        }
        if (!common.jsonOnStandardOutput() && !common.quiet) {
          ResultText.of(result).forEach(invocation.out()::println);
          invocation.out().println();
        }
      }
    }
    if (report != null) {
      ReportFile.write(report, ReproducePage.of(manifest.members(), rows, summaries));
    }
    return ExitCode.DONE;
  }

  private int fit(Experiments experiments) {
    boolean same = true;
    for (Fit.Found found : experiments.fit(names.isEmpty() ? CostFiles.machines() : names)) {
      boolean agrees = CostFiles.agrees(found.machine(), found.nanos());
      same &= agrees;
      invocation.out().print(found.fileText());
      invocation
          .out()
          .println("# " + (agrees ? "as shipped" : "NOT as shipped: the model has changed") + "\n");
      if (fitFolder != null) {
        Path file = fitFolder.resolve(found.machine() + ".fitted.yaml");
        try {
          Files.writeString(file, found.fileText(), StandardCharsets.UTF_8);
        } catch (IOException e) {
          throw CommandFailure.usage("cannot write " + file + ": " + e.getMessage(), e);
        }
      }
    }
    return same || fitFolder != null ? ExitCode.DONE : ExitCode.FAILED;
  }
}
