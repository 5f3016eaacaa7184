package dev.quire.lab.bench;

import dev.quire.emulator.boot.BootLoader;
import dev.quire.emulator.boot.BootRequest;
import dev.quire.emulator.boot.GuestFile;
import dev.quire.emulator.exec.EngineExit;
import dev.quire.emulator.exec.ExecutionEngine;
import dev.quire.emulator.machine.MachineConfig;
import dev.quire.emulator.machine.RunResult;
import dev.quire.emulator.machine.RunStatus;
import dev.quire.emulator.machine.VirtualMachine;
import dev.quire.kernel.mm.HostPagePolicy;
import java.util.ArrayList;
import java.util.List;

/**
 * How fast a guest runs in functional mode, by processor time: against the same core without
 * Quire's counting, in the middle of the same run with the same fills; and against QEMU's own
 * translator, same guest, same work.
 */
public final class SpeedBench {
  private static final String BENCH = "speed";
  private static final double NANOS_PER_MILLI = 1e6;
  private static final double LEAST_OF_BARE = 0.9;

  /** Where the measured stretch begins: everything is mapped, the work is well under way. */
  private static final double WARM_PART = 0.3;

  /** Where it must end at the earliest: at the system call with which the program ends. */
  private static final double COVERED_PART = 0.95;

  /**
   * One guest's work. QEMU is compared on the difference between two amounts of work, so that its
   * start does not count.
   *
   * @param guest without its architecture
   * @param fewer arguments for the smaller amount
   * @param more arguments for the larger amount
   * @param leastOfQemu the bound for the ratio of speeds
   */
  private record Work(String guest, String fewer, String more, double leastOfQemu) {}

  private static final List<Work> WORKS =
      List.of(
          new Work("alu", "iters=1000000", "iters=5000000", 0.8),
          new Work("stream", "map=upfront iters=5", "map=upfront iters=25", 0.5),
          new Work("btree", "map=upfront iters=4", "map=upfront iters=24", 0.5));

  private static final List<String> ARCHITECTURES = List.of("x86_64", "arm64");
  private static final long MEMORY_BYTES = 64L << 20;

  /** Gives the bytes of a built-in guest by its name. */
  public interface Guests {
    byte[] bytes(String name);
  }

  private final Guests guests;
  private final int rounds;

  public SpeedBench(Guests guests, int rounds) {
    this.guests = guests;
    this.rounds = rounds;
  }

  public List<Ratio> run() {
    List<Ratio> results = new ArrayList<>();
    for (String arch : ARCHITECTURES) {
      for (Work work : WORKS) {
        String guest = work.guest + "-" + arch;
        GuestFile file = new GuestFile(guest, guests.bytes(guest));
        results.add(againstBare(guest, file, work));
        if (Qemu.installed(arch)) {
          results.add(againstQemu(guest, file, work, arch));
        }
      }
    }
    return results;
  }

  /** The architectures whose QEMU is not here, so that it was not compared with. */
  public static List<String> withoutQemu() {
    return ARCHITECTURES.stream().filter(arch -> !Qemu.installed(arch)).toList();
  }

  private Ratio againstBare(String guest, GuestFile file, Work work) {
    BootRequest request = BootRequest.of(file, MEMORY_BYTES).withCommandLine(work.more);
    long instructions = complete(request).instructions();
    double[] nanos =
        TurnByTurn.medians(
            rounds,
            () -> restNanos(request, instructions, true),
            () -> restNanos(request, instructions, false));
    return Ratio.speed(
        BENCH,
        guest,
        "ms",
        nanos[0] / NANOS_PER_MILLI,
        "bare Unicorn, same fills",
        nanos[1] / NANOS_PER_MILLI,
        LEAST_OF_BARE);
  }

  private Ratio againstQemu(String guest, GuestFile file, Work work, String arch) {
    BootRequest request = BootRequest.of(file, MEMORY_BYTES);
    try (Qemu qemu = new Qemu(guest, file, arch)) {
      double[] nanos =
          TurnByTurn.medians(
              rounds,
              () ->
                  cpuNanos(request.withCommandLine(work.more))
                      - cpuNanos(request.withCommandLine(work.fewer)),
              () -> qemu.cpuNanos(work.more) - qemu.cpuNanos(work.fewer));
      return Ratio.speed(
          BENCH,
          guest,
          "ms",
          nanos[0] / NANOS_PER_MILLI,
          "QEMU's TCG, one vCPU",
          nanos[1] / NANOS_PER_MILLI,
          work.leastOfQemu);
    }
  }

  private static MachineConfig config(long maxInstructions) {
    return new MachineConfig(HostPagePolicy.BASE, 1, maxInstructions, ignored -> {});
  }

  private static RunResult complete(BootRequest request) {
    try (VirtualMachine machine =
        VirtualMachine.create(config(Long.MAX_VALUE), BootLoader.plan(request))) {
      RunResult result = machine.run();
      if (result.status() != RunStatus.PASS) {
        throw new IllegalStateException(
            "the guest ended with " + result.status() + ": " + result.reason());
      }
      return result;
    }
  }

  private static double cpuNanos(BootRequest request) {
    long start = CpuTime.process();
    complete(request);
    return CpuTime.process() - start;
  }

  /** From the middle of the user program to its next system call, with or without counting. */
  private static double restNanos(BootRequest request, long total, boolean counting) {
    try (VirtualMachine machine =
        VirtualMachine.create(config((long) (total * WARM_PART)), BootLoader.plan(request))) {
      machine.run();
      ExecutionEngine engine = machine.vcpus().getFirst().engine();
      if (!counting) {
        engine.stopCounting();
      }
      long start = CpuTime.thread();
      EngineExit exit = engine.run(Long.MAX_VALUE);
      double nanos = CpuTime.thread() - start;
      boolean systemCall = exit instanceof EngineExit.Intercept || exit instanceof EngineExit.Trap;
      if (!systemCall || counting && engine.retired() < total * COVERED_PART) {
        throw new IllegalStateException("the measured stretch ended too early: " + exit);
      }
      return nanos;
    }
  }
}
