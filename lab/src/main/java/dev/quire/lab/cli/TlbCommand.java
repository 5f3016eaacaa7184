package dev.quire.lab.cli;

import dev.quire.emulator.boot.BootLoader;
import dev.quire.emulator.boot.BootRequest;
import dev.quire.emulator.boot.GuestArchitecture;
import dev.quire.kernel.kvm.HostEventPlan;
import dev.quire.kernel.mm.HostArchitecture;
import dev.quire.kernel.mm.HostPagePolicy;
import dev.quire.lab.preset.Preset;
import dev.quire.lab.report.JsonLines;
import dev.quire.lab.report.Manifest;
import dev.quire.lab.report.html.TlbPage;
import dev.quire.lab.stream.BadStreamException;
import dev.quire.lab.stream.StreamSpec;
import dev.quire.lab.tlb.CellRunner;
import dev.quire.lab.tlb.GuestCellRunner;
import dev.quire.lab.tlb.StreamCellRunner;
import dev.quire.lab.tlb.TlbCell;
import dev.quire.lab.tlb.TlbFigures;
import dev.quire.lab.tlb.TlbPoint;
import dev.quire.lab.tlb.TlbTable;
import dev.quire.mmu.tlb.CoalescingPolicy;
import dev.quire.mmu.tlb.TlbGeometry;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** {@code quire tlb}: the cross product of guest pages, host pages and TLB geometries. */
@Command(
    name = "tlb",
    description = "TLB pressure of a guest or a stream: guest pages x host pages x TLB geometries.",
    footerHeading = "%nStreams (docs/STREAMS.md):%n")
public final class TlbCommand implements Callable<Integer> {
  private static final int AGGREGATED_PAGES = 4;

  private final Invocation invocation;

  @Mixin CommonOptions common;

  @Mixin TlbGridOptions grid;

  @Parameters(
      index = "0",
      arity = "0..1",
      paramLabel = "GUEST",
      description =
          "Built-in guest (quire images lists them; those that are workloads take --guest-pages)"
              + " or file.")
  String guest;

  @Parameters(
      index = "1..*",
      paramLabel = "ARG",
      description = "Arguments for the guest, such as mib=64.")
  List<String> guestArguments = List.of();

  @Option(
      names = "--memory",
      paramLabel = "SIZE",
      converter = MemorySize.Converter.class,
      description = "The guest's memory (default: what it asks for, or 64M).")
  MemorySize memory;

  @Option(names = "--smp", paramLabel = "N", description = "The guest's virtual CPUs.")
  Integer vcpus;

  @Option(
      names = "--stream",
      paramLabel = "SPEC",
      description = "Accesses to replay: kind:key=value,..., lackey:FILE or trace:FILE; see below.")
  String stream;

  @Option(
      names = "--fragmentation",
      paramLabel = "F",
      defaultValue = "0",
      description =
          "Probability that the host has no folio of an order and takes smaller ones, 0 to 1"
              + " (default: ${DEFAULT-VALUE}).")
  double fragmentation;

  @Option(
      names = "--host-events",
      paramLabel = "SEED[:RATE[:KINDS]]",
      converter = BootCommand.HostEventsConverter.class,
      description =
          "The host disturbs the guest's memory while it runs, as boot --host-events does;"
              + " docs/HOST-PAGES.md.")
  HostEventPlan hostEvents;

  @Option(
      names = "--warm-up",
      paramLabel = "N",
      defaultValue = "0",
      description = "Accesses before counting starts (default: ${DEFAULT-VALUE}).")
  long warmUp;

  @Option(
      names = "--report",
      paramLabel = "FILE",
      description = "Write table and plots to FILE as one HTML page that works offline.")
  Path report;

  @Option(
      names = "--record",
      paramLabel = "FILE",
      description =
          "Only write the stream to FILE as a trace (compressed if it ends in .gz, .zst or .xz).")
  Path record;

  TlbCommand(Invocation invocation) {
    this.invocation = invocation;
  }

  /** Lists the streams below the options. */
  @Spec
  void describeStreams(CommandSpec spec) {
    spec.usageMessage().footer(StreamHelp.lines());
  }

  @Override
  public Integer call() {
    if ((stream == null) == (guest == null)) {
      throw CommandFailure.usage(
          guest == null
              ? "name a guest, or accesses to replay by --stream"
              : "give a guest or --stream, not both");
    }
    if (guest != null) {
      return runGuest();
    }
    if (memory != null || vcpus != null || hostEvents != null) {
      throw CommandFailure.usage(
          "--memory, --smp and --host-events are for a guest: a stream has none of them");
    }
    try {
      StreamSpec spec = StreamSpec.parse(stream);
      return record != null ? record(spec) : run(new Subject(null, spec.footprintBytes()), spec);
    } catch (BadStreamException e) {
      throw CommandFailure.usage(e.getMessage(), e);
    }
  }

  /**
   * What the cells are run on.
   *
   * @param request of a guest; null for a stream
   * @param footprintBytes 0 if it is not known
   */
  private record Subject(BootRequest request, long footprintBytes) {
    HostArchitecture architecture() {
      boolean arm64 = BootLoader.plan(request).architecture() == GuestArchitecture.ARM64;
      return arm64 ? HostArchitecture.ARM64 : HostArchitecture.X86_64;
    }

    /** A guest's own option that tells its size. */
    static long footprintBytes(List<String> arguments) {
      for (String argument : arguments) {
        if (argument.matches("mib=[0-9]{1,9}")) {
          return Long.parseLong(argument.substring("mib=".length())) << 20;
        }
      }
      return 0;
    }
  }

  private int runGuest() {
    if (grid.hostProcess || record != null || warmUp != 0) {
      throw CommandFailure.usage(
          "--native, --record and --warm-up are for streams: a guest marks its region itself");
    }
    GuestChoice choice = GuestChoice.of(guest);
    grid.requireGuestPagesOf(choice, guestArguments);
    BootRequest request = choice.request(guestArguments, memory, vcpus, grid.arch);
    try {
      return run(new Subject(request, Subject.footprintBytes(guestArguments)), null);
    } catch (GuestCellRunner.GuestFailedException e) {
      throw CommandFailure.failed(e.getMessage(), e);
    }
  }

  private int run(Subject subject, StreamSpec spec) {
    HostArchitecture guests = subject.request() == null ? null : subject.architecture();
    List<Preset> presets = grid.presets(guests);
    HostArchitecture architecture = guests == null ? grid.architecture(presets) : guests;
    List<TlbCell> cells = grid.cells(subject.request(), architecture);
    check();
    ReportFile.check(report);
    Manifest manifest = Build.manifest(invocation, common.seed, config(architecture, presets));
    List<TlbPoint> points = new ArrayList<>();
    try (JsonLines json = common.openJson(invocation)) {
      if (json != null) {
        json.manifest(manifest);
      }
      boolean complete = run(subject, spec, architecture, cells, presets, json, points);
      if (!common.jsonOnStandardOutput() && !points.isEmpty()) {
        TlbTable.of(points).forEach(invocation.out()::println);
      }
      if (report != null && complete) {
        List<Map<String, Object>> lines = points.stream().map(TlbPoint::members).toList();
        ReportFile.write(report, TlbPage.of(manifest.members(), lines));
      }
      return complete ? ExitCode.DONE : ExitCode.INTERRUPTED;
    }
  }

  /** Runs every cell; false if interrupted. */
  @SuppressWarnings("try") // guard and progress act by being open
  private boolean run(
      Subject subject,
      StreamSpec spec,
      HostArchitecture architecture,
      List<TlbCell> cells,
      List<Preset> presets,
      JsonLines json,
      List<TlbPoint> points) {
    CellProgress progress = new CellProgress(invocation, common.quiet, cells.size());
    CellRunner runner =
        spec == null
            ? new GuestCellRunner(
                subject.request(), fragmentation, hostEvents, common.seed, progress::accesses)
            : new StreamCellRunner(
                spec, architecture, fragmentation, warmUp, common.seed, progress::accesses);
    try (progress;
        InterruptGuard guard = new InterruptGuard(runner::interrupt)) {
      for (TlbCell cell : cells) {
        progress.start(cell);
        List<TlbGeometry> geometries = new ArrayList<>();
        for (Preset preset : presets) {
          geometries.add(geometry(preset, cell.hostPages()));
        }
        List<TlbFigures> figures = runner.run(cell, geometries);
        if (figures.isEmpty()) {
          return false;
        }
        for (int i = 0; i < presets.size(); i++) {
          TlbPoint point =
              new TlbPoint(
                  axes(subject, architecture, cell, presets.get(i)),
                  figures.get(i),
                  cell.hostPages().contpte());
          points.add(point);
          if (json != null) {
            json.row("point", point.members());
          }
        }
      }
    }
    return true;
  }

  /** The preset's geometry, coalescing if the policy says so and it does not already. */
  static TlbGeometry geometry(Preset preset, HostPagePolicy policy) {
    TlbGeometry geometry = preset.geometry();
    CoalescingPolicy own = geometry.coalescing();
    if (!policy.aggregation() || own.usesNeighbours()) {
      return geometry;
    }
    return geometry.withCoalescing(
        CoalescingPolicy.aggregation(AGGREGATED_PAGES).withContiguousBit(own.contiguousBit()));
  }

  private void check() {
    RunSettings.checkedFragmentation(fragmentation);
    if (warmUp < 0) {
      throw CommandFailure.usage("--warm-up " + warmUp + " is negative");
    }
  }

  private Map<String, Object> axes(
      Subject subject, HostArchitecture architecture, TlbCell cell, Preset preset) {
    Map<String, Object> axes = new LinkedHashMap<>();
    if (guest == null) {
      axes.put("stream", stream);
    } else {
      axes.put("guest", guest);
      axes.put("arguments", subject.request().commandLine());
    }
    if (subject.footprintBytes() > 0) {
      axes.put("footprint_bytes", subject.footprintBytes());
    }
    axes.put("arch", architecture.toString());
    if (guest == null) {
      axes.put("native", grid.hostProcess);
    }
    axes.put("guest_pages", cell.guestPages());
    axes.put("host_pages", cell.hostPages().name());
    axes.put("tlb", preset.name());
    axes.put("fragmentation", fragmentation);
    return axes;
  }

  private Map<String, Object> config(HostArchitecture architecture, List<Preset> presets) {
    Map<String, Object> config = new LinkedHashMap<>();
    config.put("command", "tlb");
    config.put("guest", guest);
    config.put("arguments", guestArguments);
    config.put("stream", stream);
    config.put("arch", architecture.toString());
    config.put("native", grid.hostProcess);
    config.put("guest_pages", grid.hostProcess ? null : grid.guestNames(guest != null));
    config.put("host_pages", grid.hostPages);
    config.put("tlb", presets.stream().map(Preset::name).toList());
    Map<String, Object> fields = new LinkedHashMap<>();
    presets.forEach(preset -> fields.put(preset.name(), preset.basis()));
    config.put("tlb_fields", fields);
    config.put("fragmentation", fragmentation);
    config.put("host_events", hostEvents == null ? null : hostEvents.toString());
    config.put("warm_up", warmUp);
    return config;
  }

  private int record(StreamSpec spec) {
    boolean others = report != null || warmUp != 0 || fragmentation != 0 || common.writesJson();
    if (others || grid.isGiven()) {
      throw CommandFailure.usage(
          "--record only writes the stream: leave out options of results and of the grid");
    }
    StreamRecorder.Recorded written = StreamRecorder.record(spec, common.seed, record);
    if (!common.quiet) {
      invocation
          .err()
          .printf(
              "%s: %,d accesses of %,d instructions; replay it with --stream trace:%s%n",
              record, written.accesses(), written.instructions(), record);
    }
    return ExitCode.DONE;
  }
}
