package dev.quire.lab.bench;

import com.sun.management.ThreadMXBean;
import dev.quire.emulator.boot.BootLoader;
import dev.quire.emulator.boot.BootRequest;
import dev.quire.emulator.boot.GuestFile;
import dev.quire.emulator.exec.EngineExit;
import dev.quire.emulator.exec.ExecutionEngine;
import dev.quire.emulator.machine.MachineConfig;
import dev.quire.emulator.machine.RunResult;
import dev.quire.emulator.machine.RunStatus;
import dev.quire.emulator.machine.VirtualMachine;
import dev.quire.emulator.measure.MeasureConfig;
import dev.quire.emulator.measure.MeasuredVcpu;
import dev.quire.kernel.mm.HostPagePolicy;
import dev.quire.lab.preset.PresetCatalogue;
import dev.quire.mmu.tlb.TlbGeometry;
import java.lang.management.ManagementFactory;
import java.util.ArrayList;
import java.util.List;

/**
 * What measured runs cost, by processor time: against the same stretch of the same run with a
 * native memory hook that does nothing; four geometries against one; and an access against one of
 * Valgrind's lackey.
 */
public final class MeasureBench {
  private static final String BENCH = "measure";
  private static final double NANOS_PER_MILLI = 1e6;
  private static final String ONE = "skylake-sp";
  private static final List<String> FOUR = List.of(ONE, "icelake", "zen4", "neoverse-n1");
  private static final double MOST_OF_FOUR = 2.5;

  /** Above what exits of the stretch allocate, and far below one object a drain. */
  private static final double NO_BYTES = 0.01;

  /**
   * One guest's work, which ends its stretch with a system call.
   *
   * @param warmPart share of the instructions after which the stretch begins
   * @param least the bound for the ratio of speeds
   */
  private record Work(
      String guest, String arguments, long memoryBytes, double warmPart, double least) {}

  private static final Work STREAM =
      new Work("stream-x86_64", "map=upfront iters=12", 64L << 20, 0.3, 0.6);
  private static final Work GUPS =
      new Work("gups-x86_64", "map=upfront mib=64 iters=1 updates=8000000", 128L << 20, 0.25, 0.3);
  private static final Work BTREE =
      new Work("btree-x86_64", "map=upfront iters=24", 64L << 20, 0.3, 0);

  /** What a stretch came to. */
  private record Stretch(double nanos, long accesses, long bytes) {}

  private final SpeedBench.Guests guests;
  private final int rounds;

  public MeasureBench(SpeedBench.Guests guests, int rounds) {
    this.guests = guests;
    this.rounds = rounds;
  }

  public List<Ratio> run() {
    List<Ratio> results = new ArrayList<>();
    results.add(againstEmptyHook(STREAM));
    results.add(againstEmptyHook(GUPS));
    results.add(fourAgainstOne());
    results.add(allocation());
    if (Lackey.installed()) {
      results.add(againstLackey());
    }
    return results;
  }

  /** Whether lackey was compared with. */
  public static boolean hasLackey() {
    return Lackey.installed();
  }

  private BootRequest request(Work work) {
    GuestFile file = new GuestFile(work.guest, guests.bytes(work.guest));
    return BootRequest.of(file, work.memoryBytes).withCommandLine(work.arguments);
  }

  private Ratio againstEmptyHook(Work work) {
    BootRequest request = request(work);
    long instructions = complete(request, List.of());
    double[] nanos =
        TurnByTurn.medians(
            rounds,
            () -> stretch(request, work, instructions, List.of(ONE)).nanos,
            () -> stretch(request, work, instructions, List.of()).nanos);
    return Ratio.speed(
        BENCH,
        work.guest,
        "ms",
        nanos[0] / NANOS_PER_MILLI,
        "empty native memory hook",
        nanos[1] / NANOS_PER_MILLI,
        work.least);
  }

  private Ratio fourAgainstOne() {
    BootRequest request = request(BTREE);
    double[] nanos =
        TurnByTurn.medians(
            rounds, () -> cpuNanos(request, FOUR), () -> cpuNanos(request, List.of(ONE)));
    return Ratio.cost(
        BENCH,
        BTREE.guest + ", four geometries",
        "ms",
        nanos[0] / NANOS_PER_MILLI,
        "one geometry",
        nanos[1] / NANOS_PER_MILLI,
        MOST_OF_FOUR);
  }

  private Ratio allocation() {
    BootRequest request = request(GUPS);
    long instructions = complete(request, List.of());
    stretch(request, GUPS, instructions, List.of(ONE));
    Stretch stretch = stretch(request, GUPS, instructions, List.of(ONE));
    double bytes = (double) stretch.bytes / stretch.accesses;
    return new Ratio(
        BENCH, "allocation by access", "B/op", bytes, "none", 0, bytes, "0 B/op", bytes < NO_BYTES);
  }

  private Ratio againstLackey() {
    BootRequest request = request(STREAM);
    long instructions = complete(request, List.of());
    try (Lackey lackey = Lackey.open()) {
      double[] nanos =
          TurnByTurn.medians(
              rounds,
              () -> {
                Stretch stretch = stretch(request, STREAM, instructions, List.of(ONE));
                return stretch.nanos / stretch.accesses;
              },
              lackey::nanosAnAccess);
      return Ratio.part(
          BENCH, "stream, an access", "ns", nanos[0], "lackey --trace-mem=yes", nanos[1]);
    }
  }

  private static MachineConfig config(long maxInstructions, List<String> presets) {
    List<TlbGeometry> geometries =
        presets.stream().map(name -> PresetCatalogue.load(name).geometry()).toList();
    MeasureConfig measure = presets.isEmpty() ? null : new MeasureConfig(geometries, 1);
    return new MachineConfig(HostPagePolicy.BASE, 1, maxInstructions, ignored -> {}, measure);
  }

  private static long complete(BootRequest request, List<String> presets) {
    try (VirtualMachine machine =
        VirtualMachine.create(config(Long.MAX_VALUE, presets), BootLoader.plan(request))) {
      RunResult result = machine.run();
      if (result.status() != RunStatus.PASS) {
        throw new IllegalStateException(
            "the guest ended with " + result.status() + ": " + result.reason());
      }
      return result.instructions();
    }
  }

  private static double cpuNanos(BootRequest request, List<String> presets) {
    long start = CpuTime.process();
    complete(request, presets);
    return CpuTime.process() - start;
  }

  /** From the middle of the user program to its next system call; without presets, functional. */
  private static Stretch stretch(
      BootRequest request, Work work, long instructions, List<String> presets) {
    long warm = (long) (instructions * work.warmPart);
    try (VirtualMachine machine =
        VirtualMachine.create(config(warm, presets), BootLoader.plan(request))) {
      ExecutionEngine engine = machine.vcpus().getFirst().engine();
      if (presets.isEmpty()) {
        engine.hookAccessesInVain();
      }
      machine.run();
      MeasuredVcpu measured = presets.isEmpty() ? null : machine.measurement().vcpu(0);
      long before = accesses(measured);
      ThreadMXBean threads = (ThreadMXBean) ManagementFactory.getThreadMXBean();
      long bytes = threads.getCurrentThreadAllocatedBytes();
      long start = CpuTime.thread();
      EngineExit exit = engine.run(Long.MAX_VALUE);
      if (measured != null) {
        measured.drain();
      }
      double nanos = CpuTime.thread() - start;
      bytes = threads.getCurrentThreadAllocatedBytes() - bytes;
      boolean systemCall = exit instanceof EngineExit.Intercept || exit instanceof EngineExit.Trap;
      if (!systemCall || engine.retired() < 1.3 * warm) {
        throw new IllegalStateException("the measured stretch ended too early: " + exit);
      }
      return new Stretch(nanos, accesses(measured) - before, bytes);
    }
  }

  private static long accesses(MeasuredVcpu measured) {
    return measured == null ? 0 : measured.snapshot().getFirst().accesses();
  }
}
