package dev.quire.lab.cli;

import dev.quire.emulator.boot.BootLoader;
import dev.quire.emulator.boot.BootPlan;
import dev.quire.emulator.boot.GuestArchitecture;
import dev.quire.emulator.boot.GuestRam;
import dev.quire.emulator.machine.RunResult;
import dev.quire.emulator.machine.RunStatus;
import dev.quire.emulator.machine.VirtualMachine;
import dev.quire.emulator.snapshot.BadSnapshotException;
import dev.quire.emulator.snapshot.Snapshot;
import dev.quire.emulator.snapshot.SnapshotDescription;
import dev.quire.emulator.snapshot.SnapshotDescription.Expected;
import dev.quire.emulator.snapshot.SnapshotReader;
import dev.quire.emulator.snapshot.SnapshotWriter;
import dev.quire.kernel.mm.HostArchitecture;
import dev.quire.kernel.mm.HostPagePolicy;
import dev.quire.lab.cli.SnapshotMaker.Reached;
import dev.quire.lab.cli.SnapshotMaker.Whole;
import dev.quire.lab.report.JsonLines;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** {@code quire snapshot}: runs a guest to a point and writes what it is then. */
@Command(
    name = "snapshot",
    description = "Run a guest to a point and write its memory, vCPUs and devices to a directory.",
    footer =
        "%nPOINT is 40%% (of the instructions of a whole run, which is made first), insn:N or"
            + " marker:NAME. A snapshot that is already in DIR is replaced at once or not at all."
            + " 'quire restore DIR' goes on from it. What follows -- is added to the guest's"
            + " command line.")
public final class SnapshotCommand implements Callable<Integer> {
  private final Invocation invocation;

  @Mixin CommonOptions common;

  @Mixin GuestOptions guest;

  @Option(names = "--at", paramLabel = "POINT", required = true, description = "Where to stop.")
  String at;

  @Option(
      names = "--out",
      paramLabel = "DIR",
      required = true,
      description = "The directory to write to.")
  Path out;

  @Option(
      names = "--base",
      paramLabel = "DIR",
      description =
          "Go on from this snapshot of the same guest, and write only the pages that change from"
              + " there on. The result needs the base to stay where it is, as it is.")
  Path base;

  @Option(names = "--compress", description = "Compress memory by zstd.")
  boolean compress;

  @Option(
      names = "--whole-run",
      description =
          "Make the whole run first for any POINT, so that a restored run can be held against it.")
  boolean wholeRun;

  @Option(
      names = "--host-pages",
      paramLabel = "POLICY",
      defaultValue = "4k",
      converter = BootCommand.PolicyConverter.class,
      description = "How the host backs guest memory, as for boot (default: ${DEFAULT-VALUE}).")
  HostPagePolicy hostPages;

  @Option(
      names = "--max-instructions",
      paramLabel = "N",
      description = "Give up after N instructions of a run (exit code 124).")
  Long maxInstructions;

  @Option(
      names = "--timeout",
      paramLabel = "S",
      description = "Give up after S seconds (exit code 124).")
  Double timeoutSeconds;

  SnapshotCommand(Invocation invocation) {
    this.invocation = invocation;
  }

  @Override
  public Integer call() {
    SnapshotPoint point = SnapshotPoint.parse(at);
    BootPlan plan = BootLoader.plan(guest.request(GuestChoice.of(guest.name)));
    checkHostPages(plan);
    long most = RunLimits.instructions(maxInstructions);
    Duration timeout = RunLimits.timeout(timeoutSeconds);
    try (JsonLines json = common.openJson(invocation)) {
      Snapshot from = base == null ? null : SnapshotReader.open(base);
      if (from != null) {
        requireSame(from.description(), plan);
      }
      SnapshotWriter writer = new SnapshotWriter(out, "quire " + Build.version(), compress);
      writer.check(from);
      if (json != null) {
        json.manifest(Build.manifest(invocation, common.seed, config(plan, from)));
      }
      SnapshotMaker maker = new SnapshotMaker(plan, hostPages, common.seed, most, from);
      return make(maker, writer, point, from, timeout, json);
    } catch (BadSnapshotException
        | SnapshotWriter.RefusedException
        | IllegalStateException refused) {
      throw CommandFailure.usage(refused.getMessage(), refused);
    } catch (IOException e) {
      throw CommandFailure.usage(e.getMessage(), e);
    }
  }

  private void checkHostPages(BootPlan plan) {
    try {
      hostPages.requireArchitecture(
          plan.architecture() == GuestArchitecture.ARM64
              ? HostArchitecture.ARM64
              : HostArchitecture.X86_64);
      plan.ram().ranges().forEach(range -> hostPages.requireMultiple(range.bytes()));
    } catch (IllegalArgumentException e) {
      throw CommandFailure.usage(e.getMessage(), e);
    }
  }

  private void requireSame(SnapshotDescription from, BootPlan plan) {
    boolean same =
        from.guest().equals(guest.name)
            && from.commandLine().equals(plan.commandLine())
            && from.architecture() == plan.architecture()
            && from.ram().equals(plan.ram())
            && from.vcpus() == plan.cpus();
    if (!same) {
      throw CommandFailure.usage(
          "--base %s is a snapshot of %s '%s' with %d vCPUs and RAM at %s: give the same guest"
              .formatted(base, from.guest(), from.commandLine(), from.vcpus(), from.ram()));
    }
  }

  private Map<String, Object> config(BootPlan plan, Snapshot from) {
    Map<String, Object> config = new LinkedHashMap<>();
    config.put("command", "snapshot");
    config.put("guest", guest.name);
    config.put("arch", plan.architecture().toString());
    config.put("memory_bytes", bytes(plan.ram()));
    config.put("smp", plan.cpus());
    config.put("initrd", guest.initrd);
    config.put("command_line", plan.commandLine());
    config.put("host_pages", hostPages.name());
    config.put("at", at);
    config.put("out", out.toString());
    config.put("base", from == null ? null : from.identity());
    config.put("compress", compress);
    config.put("max_instructions", maxInstructions);
    config.put("timeout_seconds", timeoutSeconds);
    return config;
  }

  private static long bytes(GuestRam ram) {
    return ram.ranges().stream().mapToLong(GuestRam.Range::bytes).sum();
  }

  @SuppressWarnings("try") // guard, watchdog and progress act by being open
  private int make(
      SnapshotMaker maker,
      SnapshotWriter writer,
      SnapshotPoint point,
      Snapshot from,
      Duration timeout,
      JsonLines json)
      throws IOException {
    ConsoleOutput shown =
        new ConsoleOutput(
            common.jsonOnStandardOutput() ? null : invocation.out(),
            invocation.outIsTerminal(),
            json);
    CountingConsole console = new CountingConsole(shown);
    long begin = System.nanoTime();
    try (InterruptGuard guard =
            new InterruptGuard(() -> maker.stop(RunStatus.INTERRUPTED, "interrupted"));
        Watchdog watchdog = new Watchdog(timeout, reason -> maker.stop(RunStatus.LIMIT, reason));
        GuestProgress progress =
            common.quiet
                ? null
                : new GuestProgress(invocation, shown, guest.name, maker::instructionsSoFar, -1)) {
      Whole whole = null;
      Expected known = from == null ? null : from.description().expected();
      if (wholeRun || point instanceof SnapshotPoint.Percent && known == null) {
        whole = maker.runWhole();
        int code = wholeRunCode(whole.result(), json);
        if (code != ExitCode.DONE) {
          return code;
        }
      }
      long total =
          whole != null ? whole.result().instructions() : known == null ? 0 : known.instructions();
      long instructions = instructions(point, total);
      if (from != null && !(point instanceof SnapshotPoint.Marker)) {
        requireAfter(from.description(), instructions);
      }
      try (VirtualMachine machine = maker.prepare(console)) {
        Reached reached = maker.run(machine, point, instructions, guest.name);
        shown.finish();
        if (reached.early() != null) {
          return missed(reached.early(), json);
        }
        long consoleBytes = console.bytes() + (known == null ? 0 : known.consoleBytesBefore());
        Expected expected =
            whole != null
                ? whole.expected(consoleBytes)
                : known == null ? null : at(known, consoleBytes);
        SnapshotWriter.Written written = maker.write(writer, machine, reached, expected);
        report(reached.description().withExpected(expected), written, from, begin, json);
        return ExitCode.DONE;
      }
    }
  }

  private static Expected at(Expected end, long consoleBytes) {
    return new Expected(
        end.status(), end.instructions(), end.memoryHash(), end.consoleDigest(), consoleBytes);
  }

  private static long instructions(SnapshotPoint point, long total) {
    return switch (point) {
      case SnapshotPoint.Percent percent -> percent.of(total);
      case SnapshotPoint.Instructions exact -> exact.count();
      case SnapshotPoint.Marker ignored -> Long.MAX_VALUE;
    };
  }

  private void requireAfter(SnapshotDescription from, long instructions) {
    if (instructions < from.instructions()) {
      throw CommandFailure.usage(
          "--at %s is instruction %d, before --base %s at %d"
              .formatted(at, instructions, base, from.instructions()));
    }
  }

  /** Whether a share of this run means anything. */
  private int wholeRunCode(RunResult result, JsonLines json) {
    if (result.status() != RunStatus.LIMIT && result.status() != RunStatus.INTERRUPTED) {
      return ExitCode.DONE;
    }
    end(result, json);
    invocation
        .err()
        .printf(
            "quire snapshot: the whole run did not end (%s); give --at insn:N or marker:NAME%n",
            result.reason());
    return result.status() == RunStatus.LIMIT ? ExitCode.LIMIT : ExitCode.INTERRUPTED;
  }

  private int missed(RunResult result, JsonLines json) {
    end(result, json);
    int code =
        switch (result.status()) {
          case LIMIT -> ExitCode.LIMIT;
          case INTERRUPTED -> ExitCode.INTERRUPTED;
          default -> ExitCode.FAILED;
        };
    String markers =
        result.markers().isEmpty()
            ? "none"
            : String.join(", ", new LinkedHashSet<>(result.markers()));
    invocation
        .err()
        .printf(
            "quire snapshot: %s ended (%s, %s) after %d instructions, before --at %s; markers it"
                + " wrote: %s%n",
            guest.name,
            result.status().jsonName(),
            result.reason(),
            result.instructions(),
            at,
            markers);
    return code;
  }

  private static void end(RunResult result, JsonLines json) {
    if (json != null) {
      Map<String, Object> row = new LinkedHashMap<>();
      row.put("status", result.status().jsonName());
      row.put("reason", result.reason());
      json.row("exit", row);
    }
  }

  private void report(
      SnapshotDescription description,
      SnapshotWriter.Written written,
      Snapshot from,
      long beginNanos,
      JsonLines json) {
    Expected expected = description.expected();
    long wallNanos = System.nanoTime() - beginNanos;
    if (json != null) {
      Map<String, Object> row = new LinkedHashMap<>();
      row.put("path", out.toString());
      row.put("identity", written.identity());
      row.put("base", from == null ? null : from.identity());
      row.put("instructions", description.instructions());
      row.put("virtual_ns", description.virtualNanos());
      row.put("pages", written.pages());
      row.put("bytes", written.bytes());
      if (expected != null) {
        Map<String, Object> end = new LinkedHashMap<>();
        end.put("status", expected.status());
        end.put("instructions", expected.instructions());
        end.put("memory_hash", expected.memoryHash());
        end.put("console_sha256", expected.consoleDigest());
        row.put("expected", end);
      } else {
        row.put("expected", null);
      }
      json.row("snapshot", row);
      Map<String, Object> summary = new LinkedHashMap<>();
      summary.put("status", "snapshot");
      summary.put("instructions", description.instructions());
      summary.put("virtual_ns", description.virtualNanos());
      summary.put("wall_ns", wallNanos);
      json.row("summary", summary);
    }
    if (!common.quiet) {
      invocation
          .err()
          .printf(
              Locale.ROOT,
              "%s: snapshot at %,d instructions%s: %,d pages, %,d bytes%s in %s, %.1f s%n",
              guest.name,
              description.instructions(),
              expected == null
                  ? ""
                  : String.format(Locale.ROOT, " of %,d", expected.instructions()),
              written.pages(),
              written.bytes(),
              from == null ? "" : " since " + base,
              out,
              wallNanos / 1e9);
    }
  }
}
