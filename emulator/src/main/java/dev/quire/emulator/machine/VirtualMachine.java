package dev.quire.emulator.machine;

import dev.quire.emulator.boot.BootPlan;
import dev.quire.emulator.boot.GuestArchitecture;
import dev.quire.emulator.device.DeviceBus;
import dev.quire.emulator.device.EventQueue;
import dev.quire.emulator.measure.MeasuredVcpu;
import dev.quire.emulator.measure.Measurement;
import dev.quire.emulator.snapshot.Snapshot;
import dev.quire.emulator.vcpu.Vcpu;
import dev.quire.kernel.mm.HostArchitecture;
import dev.quire.mmu.tlb.TlbHierarchy;
import dev.quire.mmu.x86.EptEntry;
import java.util.List;
import java.util.Map;

/**
 * A machine with a guest in it: composition only. The thread that creates it runs and closes it;
 * {@link #stop} is for any other.
 *
 * <pre>{@code
 * try (VirtualMachine machine = VirtualMachine.create(config, BootLoader.plan(request))) {
 *   RunResult result = machine.run();
 * }
 * }</pre>
 */
public final class VirtualMachine implements AutoCloseable {
  private final MachineParts parts;
  private final Board board;
  private final MachineLoop loop;

  private VirtualMachine(MachineParts parts, Board board, Pacing pacing) {
    this.parts = parts;
    this.board = board;
    loop = new MachineLoop(board.vcpus(), parts, pacing);
    if (parts.measurement() != null) {
      parts.outcome().onMarker(line -> parts.measurement().marker(line, this::counted));
    }
  }

  /** Builds the machine a boot plan asks for, loads the guest and stops before its first step. */
  public static VirtualMachine create(MachineConfig config, BootPlan plan) {
    return create(config, plan, plan.cpus() == 1 ? Pacing.ALONE : Pacing.STANDARD);
  }

  /** As {@link #create(MachineConfig, BootPlan)}, with turns of another length. */
  public static VirtualMachine create(MachineConfig config, BootPlan plan, Pacing pacing) {
    boolean pc = plan.architecture() == GuestArchitecture.X86_64;
    DeviceBus bus = new DeviceBus();
    GuestHost host =
        new GuestHost(
            config,
            plan.ram(),
            pc ? EptEntry.FOUR_LEVEL : VirtMachine.stage2Format(config.hostPages().granule()),
            bus,
            pc,
            pc ? HostArchitecture.X86_64 : HostArchitecture.ARM64);
    MachineParts parts =
        new MachineParts(
            config,
            new MachineClock(),
            new EventQueue(),
            bus,
            new Outcome(),
            new PowerStates(plan.cpus()),
            host,
            config.measure() == null
                ? null
                : new Measurement(config.measure(), host.memory().arenaPages()));
    Board board =
        pc ? new PcMachine(parts, plan.ram(), plan.cpus()) : new VirtMachine(parts, plan.cpus());
    plan.writeTo(host.guestMemory()::write);
    board.enter(plan.entry());
    return new VirtualMachine(parts, board, pacing);
  }

  /**
   * Builds the machine of a snapshot: {@code loader} sees to its memory, and {@link #run} goes on
   * where the snapshot was taken. Nothing here takes time in proportion to memory but the loader.
   *
   * @throws dev.quire.emulator.snapshot.BadSnapshotException if its state is not one of this
   *     machine
   */
  public static VirtualMachine restore(MachineConfig config, Snapshot snapshot, RamLoader loader) {
    throw new UnsupportedOperationException("not built yet: " + snapshot.identity() + loader);
  }

  /**
   * SHA-256, in hexadecimal, over number (eight bytes, little-endian) and content of every page of
   * 4 KiB that is not all zeros, by rising number: the same whatever backs the guest. Faults
   * nothing in.
   */
  public String memoryHash() {
    throw new UnsupportedOperationException("not built yet");
  }

  /** Runs to the end. What the guest did is complete whatever the end was. */
  public RunResult run() {
    loop.run();
    return new RunResult(
        parts.outcome().status(),
        parts.outcome().reason(),
        parts.clock().retired(),
        parts.clock().nowNanos(),
        board.vcpus().stream().map(VirtualMachine::resultOf).toList(),
        parts.host().stage2().counters(),
        parts.host().kernelCounts(),
        parts.host().events() == null ? Map.of() : parts.host().events().counts(),
        parts.outcome().markers(),
        measured());
  }

  private RunResult.Measured measured() {
    Measurement measurement = parts.measurement();
    return measurement == null
        ? null
        : new RunResult.Measured(measurement.isMarked(), measurement.region(this::counted));
  }

  private List<Measurement.Counted> counted() {
    return board.vcpus().stream().map(this::countedOf).toList();
  }

  private Measurement.Counted countedOf(Vcpu vcpu) {
    MeasuredVcpu model = parts.measurement().vcpu(vcpu.index());
    return new Measurement.Counted(
        vcpu.engine().retired(),
        vcpu.counters().guestFaults,
        vcpu.counters().stage2Faults,
        model.aliases(),
        model.snapshot(),
        model.hierarchies().stream().map(TlbHierarchy::reachBytes).toList());
  }

  private static RunResult.VcpuResult resultOf(Vcpu vcpu) {
    return new RunResult.VcpuResult(
        vcpu.index(),
        vcpu.engine().retired(),
        vcpu.counters().guestFaults,
        vcpu.counters().stage2Faults,
        vcpu.counters().interrupts,
        vcpu.counters().halts,
        vcpu.counters().ioExits,
        vcpu.counters().mmioExits,
        vcpu.counters().exceptions.byKind(),
        vcpu.counters().exceptions.pageFaults(),
        vcpu.mmu().counters().snapshot(),
        vcpu.engine().counters().byName());
  }

  /** Ends the run soon with this status; from any thread. */
  public void stop(RunStatus status, String reason) {
    parts.outcome().request(status, reason);
    board.vcpus().forEach(vcpu -> vcpu.engine().kick());
  }

  /** The models of a measured run, for tests and tools that look inside; else null. */
  public Measurement measurement() {
    return parts.measurement();
  }

  /** How many instructions have retired, all vCPUs together; machine thread only. */
  public long retired() {
    return parts.clock().retired();
  }

  /** About how many instructions have retired, from any thread: for progress only. */
  public long instructionsSoFar() {
    return loop.progress();
  }

  /** The vCPUs, for tests and tools that look inside. */
  public List<Vcpu> vcpus() {
    return List.copyOf(board.vcpus());
  }

  @Override
  public void close() {
    board.vcpus().forEach(vcpu -> vcpu.engine().close());
    parts.host().close();
  }
}
