package dev.quire.lab.cli;

import dev.quire.lab.fuzz.MmuFuzz;
import dev.quire.lab.report.JsonLines;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.stream.Collectors;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** {@code quire bench fuzz-mmu}: random translations against independent judges. */
@Command(
    name = "fuzz-mmu",
    description = "Compare random translations of both MMUs with independent judges.",
    footer =
        "%nThe judges are a second, slow reading of the manuals and, where it can judge, Unicorn's "
            + "own MMU. Ends with 1 at a mismatch. A round is made from its seed alone: rerun the "
            + "one that failed with --seed N --seconds 0.")
public final class FuzzMmuCommand implements Callable<Integer> {
  private static final double NANOS = 1e9;
  private static final long ROUNDS_PER_NOTE = 500;

  private final Invocation invocation;

  @Mixin CommonOptions common;

  @Option(
      names = "--arch",
      paramLabel = "ARCH",
      description = "x86_64 or arm64 (default: both, one after the other).")
  String arch;

  @Option(
      names = "--seconds",
      paramLabel = "N",
      defaultValue = "10",
      description = "Run for at least N seconds an architecture (default: ${DEFAULT-VALUE}).")
  long seconds;

  @Option(
      names = "--translations",
      paramLabel = "N",
      defaultValue = "0",
      description = "Judge at least N translations an architecture (default: ${DEFAULT-VALUE}).")
  long translations;

  @Option(names = "--endless", description = "Run until a mismatch or Ctrl-C (with one --arch).")
  boolean endless;

  FuzzMmuCommand(Invocation invocation) {
    this.invocation = invocation;
  }

  @Override
  public Integer call() {
    List<MmuFuzz.Arch> architectures = architectures();
    if (seconds < 0 || translations < 0) {
      throw CommandFailure.usage("--seconds and --translations cannot be negative");
    }
    if (endless && architectures.size() > 1) {
      throw CommandFailure.usage("--endless needs one --arch: the second would never be reached");
    }
    boolean agreed = true;
    try (JsonLines json = common.openJson(invocation)) {
      if (json != null) {
        Map<String, Object> config = new LinkedHashMap<>();
        config.put("command", "bench fuzz-mmu");
        config.put("seconds", seconds);
        config.put("translations", translations);
        json.manifest(Build.manifest(invocation, common.seed, config));
      }
      for (MmuFuzz.Arch architecture : architectures) {
        agreed &= run(architecture, json);
      }
    }
    return agreed ? ExitCode.DONE : ExitCode.FAILED;
  }

  private List<MmuFuzz.Arch> architectures() {
    if (arch == null) {
      return List.of(MmuFuzz.Arch.values());
    }
    for (MmuFuzz.Arch known : MmuFuzz.Arch.values()) {
      if (known.toString().equals(arch.toLowerCase(Locale.ROOT))) {
        return List.of(known);
      }
    }
    String all =
        Arrays.stream(MmuFuzz.Arch.values())
            .map(MmuFuzz.Arch::toString)
            .collect(Collectors.joining(", "));
    throw CommandFailure.usage("unknown architecture '" + arch + "': choose from " + all);
  }

  private boolean run(MmuFuzz.Arch architecture, JsonLines json) {
    try (MmuFuzz fuzz = MmuFuzz.open(architecture)) {
      MmuFuzz.Extent extent = new MmuFuzz.Extent(translations, seconds, endless);
      MmuFuzz.Result result =
          fuzz.run(
              common.seed,
              extent,
              (rounds, tally) -> {
                if (!common.quiet && rounds % ROUNDS_PER_NOTE == 0) {
                  invocation
                      .err()
                      .printf("quire: %s, %,d translations%n", architecture, tally.translations());
                }
              });
      List<String> missing = fuzz.missing(result.tally());
      if (json != null) {
        json.row("fuzz", members(result, missing));
      }
      if (!common.jsonOnStandardOutput()) {
        print(result, missing);
      }
      return result.mismatch() == null;
    }
  }

  private static Map<String, Object> members(MmuFuzz.Result result, List<String> missing) {
    Map<String, Object> members = new LinkedHashMap<>();
    members.put("arch", result.arch().toString());
    members.put("rounds", result.rounds());
    members.put("translations", result.tally().translations());
    members.put("mismatches", result.mismatch() == null ? 0 : 1);
    if (result.mismatch() != null) {
      members.put("mismatch", result.mismatch());
      members.put("mismatch_seed", result.seed());
    }
    members.put("outcomes", result.tally().outcomes());
    members.put("not_seen", missing);
    members.put("wall_ns", result.nanos());
    return members;
  }

  private void print(MmuFuzz.Result result, List<String> missing) {
    List<String> lines = new ArrayList<>();
    String mismatches = result.mismatch() == null ? "0 mismatches" : "1 mismatch";
    lines.add(
        "%s: %,d translations in %,d rounds, %s (%.1f s)"
            .formatted(
                result.arch(),
                result.tally().translations(),
                result.rounds(),
                mismatches,
                result.nanos() / NANOS));
    if (!common.quiet) {
      result
          .tally()
          .outcomes()
          .forEach((outcome, count) -> lines.add("  %,13d  %s".formatted(count, outcome)));
      if (!missing.isEmpty()) {
        lines.add("  not seen: " + String.join(", ", missing));
      }
    }
    if (result.mismatch() != null) {
      lines.add("  " + result.mismatch());
      lines.add(
          "  reproduce: quire bench fuzz-mmu --arch %s --seed %d --seconds 0"
              .formatted(result.arch(), result.seed()));
    }
    lines.forEach(invocation.out()::println);
    invocation.out().flush();
  }
}
