package dev.quire.lab.tlb;

import dev.quire.emulator.boot.BootLoader;
import dev.quire.emulator.boot.BootRequest;
import dev.quire.emulator.machine.MachineConfig;
import dev.quire.emulator.machine.Pacing;
import dev.quire.emulator.machine.RunResult;
import dev.quire.emulator.machine.RunStatus;
import dev.quire.emulator.machine.VirtualMachine;
import dev.quire.emulator.measure.MeasureConfig;
import dev.quire.emulator.measure.MeasuredVcpu;
import dev.quire.emulator.measure.Measurement;
import dev.quire.emulator.vcpu.Vcpu;
import dev.quire.kernel.kvm.HostEventPlan;
import dev.quire.mmu.tlb.TlbCounters;
import dev.quire.mmu.tlb.TlbGeometry;
import java.util.ArrayList;
import java.util.List;
import java.util.function.LongConsumer;

/**
 * Runs cells on a guest, booted anew for each: figures are those of the region that it marks, or of
 * the whole run. The guest's pages are its argument {@code pages=}.
 */
public final class GuestCellRunner implements CellRunner {
  private static final String PAGES = "pages=";

  /** Instructions of a turn: of {@link Pacing#STANDARD}, and of a vCPU that shares with nobody. */
  private static final long TURN = Pacing.STANDARD.nextSliceInstructions();

  private static final long TURN_ALONE = 5_000_000;

  private final BootRequest request;
  private final double fragmentation;
  private final HostEventPlan hostEvents;
  private final long seed;
  private final LongConsumer progress;
  private volatile VirtualMachine running;
  private volatile boolean interrupted;

  /**
   * @param fragmentation share of folios that the host does not have, 0 to 1
   * @param hostEvents how the host disturbs the guest; null if it does not
   * @param seed of the host's layout and of random replacement
   * @param progress hears of accesses done in the cell, now and then
   */
  public GuestCellRunner(
      BootRequest request,
      double fragmentation,
      HostEventPlan hostEvents,
      long seed,
      LongConsumer progress) {
    this.fragmentation = fragmentation;
    this.hostEvents = hostEvents;
    this.progress = progress;
    this.request = request;
    this.seed = seed;
  }

  /** The guest did not come to a good end. */
  public static final class GuestFailedException extends RuntimeException {
    private static final long serialVersionUID = 1;

    GuestFailedException(String message) {
      super(message);
    }
  }

  @Override
  public void interrupt() {
    interrupted = true;
    VirtualMachine machine = running;
    if (machine != null) {
      machine.stop(RunStatus.INTERRUPTED, "interrupted");
    }
  }

  /**
   * @throws GuestFailedException when the guest fails
   */
  @Override
  public List<TlbFigures> run(TlbCell cell, List<TlbGeometry> geometries) {
    LastLine console = new LastLine();
    MachineConfig config =
        new MachineConfig(
            cell.hostPages(),
            seed,
            Long.MAX_VALUE,
            console::accept,
            new MeasureConfig(geometries, seed),
            fragmentation,
            hostEvents);
    try (VirtualMachine machine =
        VirtualMachine.create(
            config,
            BootLoader.plan(requestFor(cell)),
            new Turns(request.cpus() == 1 ? TURN_ALONE : TURN))) {
      running = machine;
      if (interrupted) {
        return List.of();
      }
      RunResult result = machine.run();
      return switch (result.status()) {
        case PASS, POWEROFF, RESET -> figures(result, geometries.size());
        case INTERRUPTED -> List.of();
        default ->
            throw new GuestFailedException(
                "the guest ended with %s (%s): %s: %s"
                    .formatted(result.status().jsonName(), cell, result.reason(), console.text()));
      };
    } finally {
      running = null;
    }
  }

  /** Turns as any machine's, but telling the progress. */
  private final class Turns implements Pacing {
    private final long instructions;
    private long sinceTold;

    Turns(long instructions) {
      this.instructions = instructions;
    }

    @Override
    public long nextSliceInstructions() {
      return instructions;
    }

    @Override
    public void afterSlice(Vcpu vcpu) {
      sinceTold += instructions;
      VirtualMachine machine = running;
      if (sinceTold >= TURN_ALONE && machine != null) {
        sinceTold = 0;
        progress.accept(accesses(machine));
      }
    }
  }

  private static long accesses(VirtualMachine machine) {
    long accesses = 0;
    for (Vcpu vcpu : machine.vcpus()) {
      MeasuredVcpu measured = machine.measurement().vcpu(vcpu.index());
      accesses += measured.snapshot().getFirst().accesses();
    }
    return accesses;
  }

  private BootRequest requestFor(TlbCell cell) {
    if (cell.guestPages() == null) {
      return request;
    }
    String before = request.commandLine();
    return request.withCommandLine(
        (before.isEmpty() ? "" : before + " ") + PAGES + cell.guestPages());
  }

  /** The sum over vCPUs, by geometry. */
  private static List<TlbFigures> figures(RunResult result, int geometries) {
    List<TlbFigures> figures = new ArrayList<>();
    for (int geometry = 0; geometry < geometries; geometry++) {
      TlbCounters.Snapshot counts = null;
      long instructions = 0;
      long reachBytes = 0;
      for (Measurement.Counted vcpu : result.measured().vcpus()) {
        TlbCounters.Snapshot one = vcpu.tlbs().get(geometry);
        counts = counts == null ? one : counts.plus(one);
        instructions += vcpu.instructions();
        reachBytes += vcpu.reachBytes().get(geometry);
      }
      figures.add(new TlbFigures(counts, instructions, reachBytes));
    }
    return figures;
  }

  /** Keeps the last line of a console that is not empty, for messages. */
  private static final class LastLine {
    private static final int MOST = 200;

    private final StringBuilder line = new StringBuilder();
    private boolean ended;

    void accept(int value) {
      char character = (char) (value & 0xff);
      if (character == '\n') {
        ended = true;
      } else if (character != '\r') {
        if (ended) {
          line.setLength(0);
          ended = false;
        }
        if (line.length() < MOST) {
          line.append(character < ' ' || character > '~' ? '?' : character);
        }
      }
    }

    String text() {
      return line.isEmpty() ? "it printed nothing" : line.toString();
    }
  }
}
