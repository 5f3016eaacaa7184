package dev.quire.lab.cli;

import dev.quire.lab.report.JsonLines;
import java.io.FileOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import picocli.CommandLine.Option;

/** The options that every command takes. */
public final class CommonOptions {
  @Option(
      names = "--json",
      paramLabel = "FILE",
      description = "Write results as JSON lines to FILE ('-': standard output, and nothing else).")
  String json;

  @Option(names = "--quiet", description = "No progress, no summary; errors still show.")
  boolean quiet;

  @Option(
      names = "--seed",
      paramLabel = "N",
      defaultValue = "1",
      description = "Seed of every random choice (default: ${DEFAULT-VALUE}).")
  long seed;

  @Option(names = "--debug", description = "Show stack traces.")
  boolean debug;

  @Option(
      names = {"-h", "--help"},
      usageHelp = true,
      description = "Show this help.")
  boolean help;

  /** Whether standard output belongs to the JSON lines. */
  boolean jsonOnStandardOutput() {
    return "-".equals(json);
  }

  /** Whether results are asked for as JSON lines. */
  boolean writesJson() {
    return json != null;
  }

  /** Opens the results; null when none were asked for. The caller closes them. */
  JsonLines openJson(Invocation invocation) {
    if (json == null) {
      return null;
    }
    try {
      OutputStream target = jsonOnStandardOutput() ? invocation.out() : new FileOutputStream(json);
      return new JsonLines("--json " + json, target);
    } catch (IOException e) {
      throw CommandFailure.usage("cannot write --json " + json + ": " + e.getMessage(), e);
    }
  }
}
