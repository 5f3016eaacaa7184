package dev.quire.lab.cli;

import dev.quire.emulator.boot.GuestArchitecture;
import dev.quire.emulator.machine.MachineConfig;
import dev.quire.emulator.machine.RunStatus;
import dev.quire.emulator.restore.BadWorkingSetException;
import dev.quire.emulator.restore.GuestLayout;
import dev.quire.emulator.restore.OnDemandHandler;
import dev.quire.emulator.restore.PrefetchHandler;
import dev.quire.emulator.restore.RecordingHandler;
import dev.quire.emulator.restore.RestoreRefusedException;
import dev.quire.emulator.restore.RestoreResult;
import dev.quire.emulator.restore.RestoreRun;
import dev.quire.emulator.restore.RestoreSettings;
import dev.quire.emulator.restore.RestoreStrategies;
import dev.quire.emulator.restore.WorkingSet;
import dev.quire.emulator.snapshot.BadSnapshotException;
import dev.quire.emulator.snapshot.Snapshot;
import dev.quire.emulator.snapshot.SnapshotDescription;
import dev.quire.emulator.snapshot.SnapshotReader;
import dev.quire.kernel.mm.HostArchitecture;
import dev.quire.kernel.mm.HostPagePolicy;
import dev.quire.lab.cli.RestoreOptions.Planned;
import dev.quire.lab.preset.Preset;
import dev.quire.lab.report.JsonLines;
import dev.quire.lab.report.RunOutcome;
import dev.quire.lab.report.html.RestorePage;
import dev.quire.lab.restore.RestorePoint;
import dev.quire.lab.restore.RestoreTable;
import dev.quire.lab.restore.TimelineRow;
import dev.quire.lab.tlb.MeasuredCounts;
import dev.quire.mmu.Order;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** {@code quire restore}: goes on where a snapshot was taken, and counts what that takes. */
@Command(
    name = "restore",
    description =
        "Restore a snapshot by one strategy or several, run on to the guest's end, and show what"
            + " each did to memory.",
    footer = "%nStrategies, handlers and what the figures mean: docs/RESTORE.md.")
public final class RestoreCommand implements Callable<Integer> {
  private final Invocation invocation;

  @Mixin CommonOptions common;

  @Mixin RestoreOptions options;

  @Mixin MeasureOptions measure;

  @Parameters(index = "0", paramLabel = "DIR", description = "Folder of the snapshot.")
  Path directory;

  @Option(
      names = "--max-instructions",
      paramLabel = "N",
      description =
          "Stop when the guest has executed N instructions since its boot (exit code 124).")
  Long maxInstructions;

  @Option(
      names = "--timeout",
      paramLabel = "S",
      description = "Stop each run after S seconds (exit code 124).")
  Double timeoutSeconds;

  @Option(names = "--report", paramLabel = "F.html", description = "Write an HTML report.")
  Path report;

  private final List<RestorePoint> points = new ArrayList<>();

  /** What the TLB models counted, by point. */
  private final List<List<MeasuredCounts>> measured = new ArrayList<>();

  private final List<Map<String, Object>> timelines = new ArrayList<>();
  private long instructionLimit;
  private Duration timeout;
  private List<Preset> presets;
  private RestoreVerdict verdict;

  RestoreCommand(Invocation invocation) {
    this.invocation = invocation;
  }

  @Override
  public Integer call() {
    ReportFile.check(report);
    instructionLimit = RunLimits.instructions(maxInstructions);
    timeout = RunLimits.timeout(timeoutSeconds);
    try {
      return restore(SnapshotReader.open(directory));
    } catch (BadSnapshotException | BadWorkingSetException | RestoreRefusedException e) {
      throw CommandFailure.usage(e.getMessage(), e);
    }
  }

  private int restore(Snapshot snapshot) {
    SnapshotDescription description = snapshot.description();
    options.chooseCosts(description.architecture());
    List<Planned> plan = options.plan();
    List<RestoreSettings> settings = plan.stream().map(options::settings).toList();
    for (Planned planned : plan) {
      requireHost(planned, description);
    }
    presets = measure.presets(description::architecture);
    verdict = new RestoreVerdict(description.expected(), invocation.err());
    try (JsonLines json = common.openJson(invocation)) {
      Map<String, Object> manifest =
          Build.manifest(invocation, common.seed, config(snapshot)).members();
      if (json != null) {
        json.row("manifest", manifest);
      }
      for (int i = 0; i < plan.size() && verdict.exitCode() != ExitCode.INTERRUPTED; i++) {
        one(snapshot, plan.get(i), settings.get(i), json);
      }
      if (report != null) {
        ReportFile.write(
            report,
            RestorePage.of(
                manifest, points.stream().map(RestorePoint::members).toList(), timelines));
      }
    }
    if (!common.quiet) {
      RestoreTable.of(points).forEach(invocation.err()::println);
      RestoreTable.measured(points, measured).forEach(invocation.err()::println);
    }
    return verdict.exitCode();
  }

  private static void requireHost(Planned planned, SnapshotDescription description) {
    try {
      planned
          .pages()
          .requireArchitecture(
              description.architecture() == GuestArchitecture.ARM64
                  ? HostArchitecture.ARM64
                  : HostArchitecture.X86_64);
      description.ram().ranges().forEach(range -> planned.pages().requireMultiple(range.bytes()));
    } catch (IllegalArgumentException e) {
      throw CommandFailure.usage(e.getMessage(), e);
    }
  }

  private Map<String, Object> config(Snapshot snapshot) {
    SnapshotDescription description = snapshot.description();
    Map<String, Object> config = new LinkedHashMap<>();
    config.put("command", "restore");
    config.put("snapshot", snapshot.identity());
    config.put("guest", description.guest());
    config.put("arch", description.architecture().toString());
    config.put("memory_bytes", GuestLayout.of(description.ram(), Order.bytes(0)).bytes());
    config.put("smp", description.vcpus());
    config.put("at_instruction", description.instructions());
    options.addTo(config);
    measure.addTo(config, presets);
    config.put("max_instructions", maxInstructions);
    config.put("timeout_seconds", timeoutSeconds);
    return config;
  }

  /** One strategy; record-prefetch is two runs unless there is a record already. */
  private void one(Snapshot snapshot, Planned planned, RestoreSettings settings, JsonLines json) {
    if (!planned.strategy().name().equals(RestoreStrategies.RECORD_PREFETCH)) {
      run(snapshot, planned, settings, null, json);
      return;
    }
    Path file = workingSetFile(planned);
    GuestLayout layout = GuestLayout.of(snapshot.description().ram(), pageBytes(planned));
    WorkingSet known =
        options.recordAnew ? null : WorkingSet.read(file, snapshot.identity(), layout);
    if (known == null) {
      requireWritable(file);
      WorkingSet recorded = new WorkingSet(snapshot.identity(), layout.pageBytes());
      RunStatus end =
          run(
              snapshot,
              planned,
              settings.withHandler(
                  answer -> new RecordingHandler(new OnDemandHandler(answer), recorded)),
              "record",
              json);
      if (end == RunStatus.INTERRUPTED || end == RunStatus.HANDLER_DEAD) {
        return;
      }
      // A run that a limit cut short asked for less than others will.
      if (!options.recordAnew && end != RunStatus.LIMIT) {
        recorded.write(file);
      }
      known = recorded;
    }
    WorkingSet prefetched = known;
    run(
        snapshot,
        planned,
        settings.withHandler(answer -> new PrefetchHandler(answer, prefetched)),
        "prefetch",
        json);
  }

  /** Refuses, before the first run, a place where its record could not be kept. */
  private void requireWritable(Path file) {
    Path folder = file.toAbsolutePath().getParent();
    if (!options.recordAnew && (!Files.isDirectory(folder) || !Files.isWritable(folder))) {
      throw CommandFailure.usage(
          "the working set cannot be kept, as %s is no folder that can be written: give another"
                  .formatted(folder)
              + " --working-set FILE, or --record-anew");
    }
  }

  private static long pageBytes(Planned planned) {
    return planned.pages().reserved()
        ? Order.bytes(planned.pages().order())
        : Order.bytes(planned.pages().granule().baseOrder());
  }

  private Path workingSetFile(Planned planned) {
    if (options.workingSet != null) {
      return options.workingSet;
    }
    Path folder = directory.toAbsolutePath().normalize();
    String size = Long.toString(pageBytes(planned) >> 10);
    return folder.resolveSibling(folder.getFileName() + ".working-set-" + size + "k");
  }

  @SuppressWarnings("try") // guard and watchdog act by being open
  private RunStatus run(
      Snapshot snapshot, Planned planned, RestoreSettings settings, String phase, JsonLines json) {
    boolean first = points.isEmpty();
    ConsoleOutput console =
        new ConsoleOutput(
            first && !common.jsonOnStandardOutput() ? invocation.out() : null,
            invocation.outIsTerminal(),
            first ? json : null);
    CountingConsole counted = new CountingConsole(console);
    MachineConfig config =
        new MachineConfig(
            planned.pages(),
            common.seed,
            instructionLimit,
            counted,
            MeasureOptions.config(MeasureOptions.geometries(presets, planned.pages()), common.seed),
            0,
            null,
            planned.kernel());
    long begin = System.nanoTime();
    try (RestoreRun run = new RestoreRun(snapshot, planned.strategy(), settings, config);
        InterruptGuard guard =
            new InterruptGuard(() -> run.stop(RunStatus.INTERRUPTED, "interrupted"));
        Watchdog watchdog = new Watchdog(timeout, reason -> run.stop(RunStatus.LIMIT, reason))) {
      RestoreResult result = run.run();
      console.finish();
      RestorePoint point =
          record(snapshot, planned, phase, result, System.nanoTime() - begin, json);
      verdict.judge(point, counted);
      return result.status();
    }
  }

  private RestorePoint record(
      Snapshot snapshot,
      Planned planned,
      String phase,
      RestoreResult result,
      long wallNanos,
      JsonLines json) {
    SnapshotDescription.Expected expected = snapshot.description().expected();
    boolean ended =
        result.status() != RunStatus.LIMIT
            && result.status() != RunStatus.INTERRUPTED
            && result.status() != RunStatus.HANDLER_DEAD;
    RestorePoint point =
        new RestorePoint(
            axes(planned, phase, result),
            result,
            expected == null ? null : expected.memoryHash(),
            ended,
            planned.pages().contpte());
    points.add(point);
    GuestLayout layout = GuestLayout.of(snapshot.description().ram(), Order.bytes(0));
    GuestLayout.Region last = layout.regions().getLast();
    Map<String, Object> timeline =
        TimelineRow.of(
            point.axes(),
            result.timeline(),
            layout.regions().getFirst().gpa(),
            last.gpa() + last.bytes());
    timelines.add(timeline);
    RunOutcome outcome = outcome(result, wallNanos, planned.pages());
    measured.add(outcome.measured());
    if (json != null) {
      json.row("point", point.members());
      json.row("timeline", timeline);
      json.outcome(outcome);
    }
    return point;
  }

  private static RunOutcome outcome(RestoreResult result, long wallNanos, HostPagePolicy pages) {
    return Outcomes.of(result.run(), wallNanos, pages).withEnd(result.status(), result.reason());
  }

  private Map<String, Object> axes(Planned planned, String phase, RestoreResult result) {
    Map<String, Object> axes = new LinkedHashMap<>();
    axes.put("strategy", planned.strategy().name());
    axes.put("phase", phase);
    axes.put("host_pages", planned.pages().name());
    axes.put("host_kernel", planned.kernel().toString());
    axes.put("handler", result.handler());
    axes.put("readers", result.handler() == null ? null : options.readers);
    axes.put("page_cache", options.pageCache);
    axes.put("dirty_log", options.dirtyLog);
    return axes;
  }
}
