package dev.quire.lab.cli;

import dev.quire.kernel.mm.KernelProfile;
import dev.quire.lab.replay.BadGoldenException;
import dev.quire.lab.replay.CaseReplay;
import dev.quire.lab.replay.CaseResult;
import dev.quire.lab.replay.CaseResult.Outcome;
import dev.quire.lab.replay.Difference;
import dev.quire.lab.replay.GoldenCase;
import dev.quire.lab.replay.GoldenReader;
import dev.quire.lab.replay.ReplayTotals;
import dev.quire.lab.report.JsonLines;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** Golden scripts on the modelled kernel, compared field by field: what its commands share. */
abstract class ReplayCommand implements Callable<Integer> {
  private static final int SHOWN_DIFFERENCES = 3;
  private static final int SHOWN_PROBLEMS = 20;
  private static final int SHOWN_CHARACTERS = 300;

  final Invocation invocation;

  @Mixin CommonOptions common;

  @Parameters(arity = "1..*", paramLabel = "FILE", description = "Golden files.")
  List<Path> files;

  @Option(
      names = "--case",
      paramLabel = "NAME",
      description = "Only cases of this name; * stands for any characters, ? for one.")
  String wantedCase;

  private final ReplayTotals totals = new ReplayTotals();
  private int problems;

  ReplayCommand(Invocation invocation) {
    this.invocation = invocation;
  }

  /** What it is called on the command line, behind {@code quire}. */
  abstract String name();

  /** The kernel that answers. */
  abstract KernelProfile profile();

  @Override
  public Integer call() {
    Pattern wanted = wanted();
    try (JsonLines json = common.openJson(invocation)) {
      if (json != null) {
        Map<String, Object> config = new LinkedHashMap<>();
        config.put("command", name());
        config.put("files", files.stream().map(Path::toString).toList());
        config.put("case", wantedCase);
        json.manifest(Build.manifest(invocation, common.seed, config));
      }
      for (Path file : files) {
        replay(file, wanted, json);
      }
      if (json != null) {
        json.row("summary", members(totals));
      }
    }
    if (totals.bad() > 0) {
      return ExitCode.USAGE;
    }
    return totals.passed() ? ExitCode.DONE : ExitCode.FAILED;
  }

  /** {@code --case} as a pattern: its two wildcards, everything else as it stands. */
  private Pattern wanted() {
    String all = wantedCase == null ? "*" : wantedCase;
    return Pattern.compile(
        all.codePoints()
            .mapToObj(
                one ->
                    switch (one) {
                      case '*' -> ".*";
                      case '?' -> ".";
                      default -> Pattern.quote(Character.toString(one));
                    })
            .collect(Collectors.joining()));
  }

  private void replay(Path file, Pattern wanted, JsonLines json) {
    ReplayTotals ofFile = new ReplayTotals();
    boolean any = false;
    try (GoldenReader reader = GoldenReader.open(file)) {
      for (GoldenCase next = reader.next(); next != null; next = reader.next()) {
        if (wanted.matcher(next.name()).matches()) {
          any = true;
          replay(file, next, ofFile, json);
        }
      }
      if (!any) {
        throw new BadGoldenException(file + ": has no case '" + wantedCase + "'");
      }
    } catch (BadGoldenException e) {
      problem(e, ofFile);
    }
    totals.add(ofFile);
    say(file + ": " + ofFile);
  }

  private void replay(Path file, GoldenCase next, ReplayTotals ofFile, JsonLines json) {
    try {
      CaseResult result = CaseReplay.run(next, profile());
      ofFile.add(result);
      if (json != null) {
        json.row("case", members(file, result));
      }
      tell(result);
    } catch (BadGoldenException e) {
      problem(e, ofFile);
      if (json != null) {
        Map<String, Object> members = new LinkedHashMap<>();
        members.put("file", file.toString());
        members.put("case", next.name());
        members.put("passed", false);
        members.put("outcome", "unusable");
        members.put("diff", List.of());
        members.put("reason", e.getMessage());
        json.row("case", members);
      }
    }
  }

  private void problem(BadGoldenException e, ReplayTotals ofFile) {
    ofFile.addBad();
    problems++;
    if (problems <= SHOWN_PROBLEMS) {
      invocation.out().flush();
      invocation.err().println("quire " + name() + ": " + shortened(e.getMessage()));
    } else if (problems == SHOWN_PROBLEMS + 1) {
      invocation.err().println("quire " + name() + ": and more that cannot be used");
    }
  }

  private void tell(CaseResult result) {
    switch (result.outcome()) {
      case PASSED, BACKEND -> {}
      case SKIPPED, UNSUPPORTED ->
          say(
              result.outcome().toString().toLowerCase(Locale.ROOT)
                  + " "
                  + result.name()
                  + ": "
                  + result.reason());
      case FAILED -> {
        say("failed " + result.name());
        List<Difference> shown =
            result
                .differences()
                .subList(0, Math.min(SHOWN_DIFFERENCES, result.differences().size()));
        shown.forEach(difference -> say("  " + shortened(difference.toString())));
        if (result.differing() > shown.size()) {
          say("  and %,d more".formatted(result.differing() - shown.size()));
        }
      }
    }
  }

  private void say(String line) {
    if (!common.jsonOnStandardOutput() && !common.quiet) {
      invocation.out().println(line);
      invocation.out().flush();
    }
  }

  private static String shortened(String text) {
    return text.length() <= SHOWN_CHARACTERS ? text : text.substring(0, SHOWN_CHARACTERS) + "...";
  }

  private static Map<String, Object> members(Path file, CaseResult result) {
    Map<String, Object> members = new LinkedHashMap<>();
    members.put("file", file.toString());
    members.put("case", result.name());
    members.put("passed", result.passed());
    members.put("outcome", result.outcome().toString().toLowerCase(Locale.ROOT));
    List<Map<String, Object>> differences = new ArrayList<>();
    for (Difference difference : result.differences()) {
      Map<String, Object> one = new LinkedHashMap<>();
      one.put("op", difference.op());
      one.put("text", difference.text());
      one.put("field", difference.field());
      one.put("expected", difference.expected());
      one.put("got", difference.got());
      differences.add(one);
    }
    members.put("diff", differences);
    members.put("differing", result.differing());
    members.put("reason", result.reason());
    return members;
  }

  private static Map<String, Object> members(ReplayTotals of) {
    Map<String, Object> members = new LinkedHashMap<>();
    members.put("passed", of.of(Outcome.PASSED));
    members.put("failed", of.of(Outcome.FAILED));
    members.put("unsupported", of.of(Outcome.UNSUPPORTED));
    members.put("skipped", of.of(Outcome.SKIPPED));
    members.put("backend", of.of(Outcome.BACKEND));
    members.put("unusable", of.bad());
    return members;
  }
}
