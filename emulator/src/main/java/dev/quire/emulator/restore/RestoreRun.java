package dev.quire.emulator.restore;

import dev.quire.emulator.machine.FaultObserver;
import dev.quire.emulator.machine.GuestHost;
import dev.quire.emulator.machine.MachineConfig;
import dev.quire.emulator.machine.RunResult;
import dev.quire.emulator.machine.RunStatus;
import dev.quire.emulator.machine.VirtualMachine;
import dev.quire.emulator.restore.HostMeter.Share;
import dev.quire.emulator.snapshot.MemoryImage;
import dev.quire.emulator.snapshot.Snapshot;
import dev.quire.kernel.kvm.Stage2Mmu;
import dev.quire.kernel.mm.HostMemoryKind;
import dev.quire.kernel.mm.KernelProfile;
import dev.quire.kernel.stat.KernelCounters;

/**
 * One guest restored by one strategy and run to its end. The thread that makes it runs and closes
 * it; {@link #stop} is for any other.
 */
public final class RestoreRun implements AutoCloseable {
  private final RestoreStrategy strategy;
  private final MachineConfig config;
  private final RestoreTimeline timeline = new RestoreTimeline();
  private final VirtualMachine machine;
  private final MemoryImage image;
  private RestoreHost host;
  private UffdService service;
  private RestoreTally before;
  private RestoreTally restored;
  private RestoreTally sourceAtRestore;
  private volatile boolean stopped;

  /**
   * Restores the machine and stops before its first instruction.
   *
   * @throws RestoreRefusedException if Linux refuses the strategy on these pages or this kernel
   * @throws dev.quire.emulator.snapshot.BadSnapshotException if the snapshot is not what was
   *     written
   */
  public RestoreRun(
      Snapshot snapshot, RestoreStrategy strategy, RestoreSettings settings, MachineConfig config) {
    check(strategy, settings, config.hostKernel());
    this.strategy = strategy;
    this.config = config;
    machine =
        VirtualMachine.restore(
            config, snapshot, (guestHost, memory) -> load(guestHost, memory, settings));
    long start = machine.retired();
    host.setInstructions(() -> machine.retired() - start);
    host.meter().enter(Share.GUEST);
    image = snapshot.memory();
  }

  /**
   * Refuses what Linux refuses.
   *
   * @throws RestoreRefusedException saying what would do
   */
  public static void check(
      RestoreStrategy strategy, RestoreSettings settings, KernelProfile kernel) {
    strategy.check(settings.hostPages(), kernel);
    if (settings.logDirty() && settings.hostPages().memory() == HostMemoryKind.GUEST_MEMFD) {
      throw new RestoreRefusedException(
          "a memory slot of a guest_memfd logs no dirty pages (EINVAL): choose other host pages");
    }
  }

  private void load(GuestHost guestHost, MemoryImage memory, RestoreSettings settings) {
    host = new RestoreHost(guestHost, memory, settings, timeline);
    before = RestoreTally.now(counters());
    service = strategy.load(host);
    if (service != null) {
      service.setStopped(() -> stopped);
    }
    restored = RestoreTally.now(counters()).minus(before);
    sourceAtRestore = host.source().tally().copy();
    guestHost.setObserver(new Faults());
  }

  private KernelCounters counters() {
    return host.vmm().kernel().counters();
  }

  /** Keeps the books on faults of vCPUs. */
  private final class Faults implements FaultObserver {
    @Override
    public void begin() {
      host.meter().enter(Share.FAULT);
      if (service != null) {
        service.beginAccess();
      }
    }

    @Override
    public void end(long gpa, long result) {
      int code = Stage2Mmu.code(result);
      if (code == Stage2Mmu.MAPPED || code == Stage2Mmu.RETRY) {
        host.meter().add(HostWork.VM_EXIT, 1);
      }
      if (code == Stage2Mmu.MAPPED) {
        host.meter().add(HostWork.STAGE2_LEAF, 1);
        host.faulted(gpa, Stage2Mmu.order(result));
      } else if (code == Stage2Mmu.RETRY) {
        host.retried(gpa);
      }
      host.meter().enter(Share.GUEST);
    }
  }

  /**
   * Runs to the end.
   *
   * @throws dev.quire.emulator.snapshot.BadSnapshotException if a page that nobody asked for turns
   *     out not to be what was written: the result counts for nothing then
   */
  public RestoreResult run() {
    MemoryVerifier verifier = strategy.readsAll() ? null : MemoryVerifier.start(image);
    RunResult run = machine.run();
    RunStatus status = run.status();
    String reason = run.reason();
    if (service != null && status != RunStatus.HANDLER_DEAD) {
      try {
        service.finish();
      } catch (HandlerDeadException failure) {
        status = RunStatus.HANDLER_DEAD;
        reason = failure.getMessage();
      }
    }
    RestoreTally source = host.source().tally();
    RestoreTally total = RestoreTally.now(counters()).minus(before).minus(source);
    RestoreResult result =
        new RestoreResult(
            strategy.name(),
            service == null ? null : service.handlerName(),
            status,
            reason,
            run,
            machine.memoryHash(),
            restored.minus(sourceAtRestore),
            total,
            source.copy(),
            host.meter().times(HostWork.USER_PAGE_COPY),
            service == null ? 0 : service.messages(),
            service == null ? 0 : service.ioctls(),
            RestoreLatencies.of(host.meter()),
            timeline,
            host.settings().costs().name());
    if (verifier != null && !stopped) {
      verifier.finish();
    }
    return result;
  }

  /** Executes one instruction, for those who measure how long that takes to come about. */
  public void firstInstruction() {
    machine.runTo(machine.retired() + 1);
  }

  /** Wall-clock nanoseconds in which contents were put in place before the guest ran. */
  public long eagerWallNanos() {
    return host.meter().wallNanos(Share.EAGER);
  }

  /** Ends the run soon with this status; from any thread. */
  public void stop(RunStatus status, String reason) {
    stopped = true;
    machine.stop(status, reason);
  }

  /** About how many instructions have retired, from any thread: for progress only. */
  public long instructionsSoFar() {
    return machine.instructionsSoFar();
  }

  public MachineConfig config() {
    return config;
  }

  @Override
  public void close() {
    if (service != null) {
      service.close();
    }
    machine.close();
  }
}
