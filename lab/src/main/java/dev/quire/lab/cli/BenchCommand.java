package dev.quire.lab.cli;

import dev.quire.lab.bench.FillBench;
import dev.quire.lab.bench.KernelBench;
import dev.quire.lab.bench.KvmBench;
import dev.quire.lab.bench.MeasureBench;
import dev.quire.lab.bench.Ratio;
import dev.quire.lab.bench.RestoreBench;
import dev.quire.lab.bench.SpeedBench;
import dev.quire.lab.bench.StartBench;
import dev.quire.lab.bench.SweepBench;
import dev.quire.lab.bench.TlbBench;
import dev.quire.lab.report.JsonLines;
import java.io.UncheckedIOException;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** {@code quire bench}: the project's own benchmarks, each against a baseline of the same run. */
@Command(
    name = "bench",
    description = "Run the project's benchmarks, each as a ratio against a baseline.",
    footer =
        "%nstart: boot of the smallest guest against an empty Java main%nfill: a soft-TLB fill with"
            + " a full nested walk, time and allocation%nspeed: alu, stream, btree against bare"
            + " Unicorn, and against QEMU if it is installed%nmeasure: measured runs against an"
            + " empty memory hook, and four geometries against one%ntlb: the TLB model against a"
            + " plain LRU scan, four presets against one, walks%nkernel: the kernel model's faults,"
            + " fork, munmap and page cache, memory of a page, what the time goes to%nsweep: 48"
            + " cells in parallel processes against one process at a time (ten minutes)%nrestore:"
            + " first instruction of 3 GiB on demand against 64 MiB, eager restores against memcpy,"
            + " round trips of userfaultfd against plain faults%nkvm: a call of the KVM service"
            + " against a ping-pong in C, 200 clients against 8 (two and a half minutes)")
public final class BenchCommand implements Callable<Integer> {
  private static final List<String> NAMES =
      List.of("start", "fill", "speed", "measure", "tlb", "kernel", "sweep", "restore", "kvm");

  /** Of the benchmarks that are told; so many take no more than five minutes. */
  private static final Map<String, Integer> USUAL_ROUNDS =
      Map.of("start", 9, "speed", 9, "measure", 3, "tlb", 9, "kernel", 9, "restore", 5, "kvm", 5);

  private final Invocation invocation;

  @Mixin CommonOptions common;

  @Parameters(
      paramLabel = "NAME",
      description = "start, fill, speed, measure, tlb, kernel, sweep, restore, kvm (default: all).")
  List<String> names = NAMES;

  @Option(
      names = "--rounds",
      paramLabel = "N",
      description = "Rounds of paired measurements (default: 9, of measure 3, of restore 5).")
  Integer rounds;

  @Option(
      names = "--soak",
      paramLabel = "S",
      defaultValue = "120",
      description = "Seconds that kvm's 200 clients come and go (default: ${DEFAULT-VALUE}).")
  int soakSeconds;

  BenchCommand(Invocation invocation) {
    this.invocation = invocation;
  }

  /** The command with its subcommands. */
  static CommandLine line(Invocation invocation) {
    return new CommandLine(new BenchCommand(invocation))
        .addSubcommand(new FuzzMmuCommand(invocation));
  }

  @Override
  public Integer call() {
    for (String name : names) {
      if (!NAMES.contains(name)) {
        throw CommandFailure.usage(
            "unknown benchmark '" + name + "': choose from " + String.join(", ", NAMES));
      }
    }
    if (rounds != null && rounds < 1) {
      throw CommandFailure.usage("--rounds " + rounds + " is not positive");
    }
    boolean kept = true;
    try (JsonLines json = common.openJson(invocation)) {
      if (json != null) {
        json.manifest(Build.manifest(invocation, common.seed, config()));
      }
      for (String name : names) {
        if (!common.quiet) {
          invocation.err().println("quire: measuring " + name);
        }
        for (Ratio ratio : run(name)) {
          kept &= ratio.kept();
          if (json != null) {
            json.row("bench", ratio.members());
          }
          if (!common.jsonOnStandardOutput()) {
            invocation.out().println(ratio.text());
            invocation.out().flush();
          }
        }
      }
    }
    return kept ? ExitCode.DONE : ExitCode.FAILED;
  }

  private Map<String, Object> config() {
    Map<String, Object> config = new LinkedHashMap<>();
    config.put("command", "bench");
    for (String name : names) {
      if (USUAL_ROUNDS.containsKey(name)) {
        config.put("rounds_of_" + name, rounds(name));
      }
    }
    return config;
  }

  private int rounds(String name) {
    return rounds == null ? USUAL_ROUNDS.get(name) : rounds;
  }

  private List<Ratio> run(String name) {
    return switch (name) {
      case "start" -> startBench().run();
      case "fill" -> new FillBench().run();
      case "speed" -> speed();
      case "measure" -> measure();
      case "tlb" -> new TlbBench(rounds(name)).run();
      case "kernel" -> new KernelBench(rounds(name)).run();
      case "sweep" ->
          new SweepBench(ChildCommand.prefix(), Runtime.getRuntime().availableProcessors()).run();
      case "restore" -> restore();
      case "kvm" -> kvm();
      default -> throw new IllegalStateException(name);
    };
  }

  private List<Ratio> kvm() {
    if (soakSeconds < 1) {
      throw CommandFailure.usage("--soak " + soakSeconds + " is not positive");
    }
    try {
      return new KvmBench(rounds("kvm"), soakSeconds).run();
    } catch (UncheckedIOException e) {
      throw CommandFailure.environment("bench kvm: " + e.getCause().getMessage(), e);
    }
  }

  private List<Ratio> speed() {
    GuestCatalogue catalogue = GuestCatalogue.builtIn();
    for (String arch : SpeedBench.withoutQemu()) {
      invocation.err().println("quire: no QEMU for " + arch + " here: not compared with it");
    }
    return new SpeedBench(name -> catalogue.bytes(catalogue.find(name)), rounds("speed")).run();
  }

  private List<Ratio> restore() {
    GuestCatalogue catalogue = GuestCatalogue.builtIn();
    return new RestoreBench(name -> catalogue.bytes(catalogue.find(name)), rounds("restore")).run();
  }

  private List<Ratio> measure() {
    GuestCatalogue catalogue = GuestCatalogue.builtIn();
    if (!MeasureBench.hasLackey()) {
      invocation.err().println("quire: no valgrind or no cc here: not compared with lackey");
    }
    return new MeasureBench(name -> catalogue.bytes(catalogue.find(name)), rounds("measure")).run();
  }

  private StartBench startBench() {
    Path launcher = invocation.launcher();
    if (launcher == null) {
      throw CommandFailure.usage("'bench start' measures ./quire: run it as ./quire bench start");
    }
    return new StartBench(
        launcher,
        Path.of(System.getProperty("java.home")),
        System.getProperty("java.class.path"),
        rounds("start"));
  }
}
