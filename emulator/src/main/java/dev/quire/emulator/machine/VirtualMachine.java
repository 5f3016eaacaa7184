package dev.quire.emulator.machine;

import dev.quire.emulator.boot.BootPlan;
import dev.quire.emulator.boot.GuestArchitecture;
import dev.quire.emulator.boot.GuestRam;
import dev.quire.emulator.device.DeviceBus;
import dev.quire.emulator.device.EventQueue;
import dev.quire.emulator.device.StateFormatException;
import dev.quire.emulator.device.StateReader;
import dev.quire.emulator.device.StateWriter;
import dev.quire.emulator.measure.MeasuredVcpu;
import dev.quire.emulator.measure.Measurement;
import dev.quire.emulator.snapshot.BadSnapshotException;
import dev.quire.emulator.snapshot.MemoryImage;
import dev.quire.emulator.snapshot.Snapshot;
import dev.quire.emulator.snapshot.SnapshotDescription;
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
  private final GuestRam ram;

  /** Memory of the snapshot the machine was restored from; else null. */
  private final MemoryImage image;

  /** What {@link #runToMarker} waits for; else null. */
  private String awaitedMarker;

  private VirtualMachine(
      MachineParts parts, Board board, GuestRam ram, MemoryImage image, Pacing pacing) {
    this.parts = parts;
    this.board = board;
    this.ram = ram;
    this.image = image;
    loop = new MachineLoop(board.vcpus(), parts, pacing);
    parts.outcome().onMarker(this::marked);
  }

  private void marked(String line) {
    if (parts.measurement() != null) {
      parts.measurement().marker(line, this::counted);
    }
    if (line.equals(awaitedMarker)) {
      loop.askPause();
    }
  }

  /** Builds the machine a boot plan asks for, loads the guest and stops before its first step. */
  public static VirtualMachine create(MachineConfig config, BootPlan plan) {
    return create(config, plan, standardPacing(plan.cpus()));
  }

  private static Pacing standardPacing(int cpus) {
    return cpus == 1 ? Pacing.ALONE : Pacing.STANDARD;
  }

  /** As {@link #create(MachineConfig, BootPlan)}, with turns of another length. */
  public static VirtualMachine create(MachineConfig config, BootPlan plan, Pacing pacing) {
    MachineParts parts = parts(config, plan.architecture(), plan.ram(), plan.cpus());
    Board board = board(parts, plan.architecture(), plan.ram(), plan.cpus());
    plan.writeTo(parts.host().guestMemory()::write);
    board.enter(plan.entry());
    return new VirtualMachine(parts, board, plan.ram(), null, pacing);
  }

  /**
   * Builds the machine of a snapshot: {@code loader} sees to its memory, and {@link #run} goes on
   * where the snapshot was taken. Nothing here takes time in proportion to memory but the loader.
   *
   * @throws BadSnapshotException if its state is not one of this machine, or the loader meets a
   *     corrupt page
   */
  public static VirtualMachine restore(MachineConfig config, Snapshot snapshot, RamLoader loader) {
    SnapshotDescription what = snapshot.description();
    return restore(config, snapshot, loader, standardPacing(what.vcpus()));
  }

  /** As {@link #restore(MachineConfig, Snapshot, RamLoader)}, with turns of another length. */
  static VirtualMachine restore(
      MachineConfig config, Snapshot snapshot, RamLoader loader, Pacing pacing) {
    SnapshotDescription what = snapshot.description();
    MachineParts parts = parts(config, what.architecture(), what.ram(), what.vcpus());
    Board board = board(parts, what.architecture(), what.ram(), what.vcpus());
    VirtualMachine machine =
        new VirtualMachine(parts, board, what.ram(), snapshot.memory(), pacing);
    try {
      machine.load(snapshot);
      loader.load(parts.host(), snapshot.memory());
      if (parts.measurement() != null) {
        parts.measurement().resumed(parts.outcome().markers(), machine::counted);
      }
    } catch (RuntimeException e) {
      machine.close();
      throw e;
    }
    return machine;
  }

  private static MachineParts parts(
      MachineConfig config, GuestArchitecture architecture, GuestRam ram, int cpus) {
    boolean pc = architecture == GuestArchitecture.X86_64;
    DeviceBus bus = new DeviceBus();
    GuestHost host =
        new GuestHost(
            config,
            ram,
            pc ? EptEntry.FOUR_LEVEL : VirtMachine.stage2Format(config.hostPages().granule()),
            bus,
            pc,
            pc ? HostArchitecture.X86_64 : HostArchitecture.ARM64);
    return new MachineParts(
        config,
        new MachineClock(),
        new EventQueue(),
        bus,
        new Outcome(config.seed()),
        new PowerStates(cpus),
        host,
        config.measure() == null
            ? null
            : new Measurement(config.measure(), host.memory().arenaPages()));
  }

  private static Board board(
      MachineParts parts, GuestArchitecture architecture, GuestRam ram, int cpus) {
    return architecture == GuestArchitecture.X86_64
        ? new PcMachine(parts, ram, cpus)
        : new VirtMachine(parts, cpus);
  }

  /** Runs to the end. What the guest did is complete whatever the end was. */
  public RunResult run() {
    loop.run();
    return result();
  }

  /**
   * Runs until exactly this many instructions have retired, all vCPUs together. The machine can be
   * saved then, and run on: nothing tells the guest of the pause.
   *
   * @return false if the run ended before, which {@link #run} then reports
   */
  public boolean runTo(long instructions) {
    return loop.runTo(instructions);
  }

  /** As {@link #runTo}, until the guest has written this line to its marker device. */
  public boolean runToMarker(String line) {
    awaitedMarker = line;
    try {
      return loop.runTo(Long.MAX_VALUE);
    } finally {
      awaitedMarker = null;
    }
  }

  /**
   * The vCPUs, the devices and the machine itself, of a machine that {@link #runTo} paused or that
   * has not run yet. Memory is not in it.
   *
   * @throws IllegalStateException if the guest uses what cannot be saved; one line for the user
   */
  public byte[] saveState() {
    StateWriter writer = new StateWriter();
    writer.begin("machine", 1);
    writer.putLong(parts.clock().nowNanos()).putLong(parts.clock().retired());
    loop.save(writer);
    parts.outcome().save(writer);
    parts.power().save(writer);
    board.save(writer);
    writer.end();
    return writer.toByteArray();
  }

  private void load(Snapshot snapshot) {
    try {
      StateReader reader = new StateReader(snapshot.state());
      reader.begin("machine", 1);
      long nowNanos = reader.getLong(0, Long.MAX_VALUE / 2, "virtual time");
      parts.clock().restore(nowNanos, reader.getLong(0, nowNanos, "retired instructions"));
      loop.load(reader);
      parts.outcome().load(reader);
      parts.power().load(reader);
      board.load(reader);
      reader.end();
      reader.requireEnd();
    } catch (StateFormatException e) {
      throw new BadSnapshotException(snapshot.location(), e.getMessage(), e);
    }
  }

  /** What to say of this machine in a snapshot of it. */
  public SnapshotDescription describe(String guest, String commandLine) {
    return new SnapshotDescription(
        board instanceof PcMachine ? GuestArchitecture.X86_64 : GuestArchitecture.ARM64,
        ram,
        board.vcpus().size(),
        guest,
        commandLine,
        parts.config().hostPages().name(),
        parts.config().seed(),
        parts.clock().retired(),
        parts.clock().nowNanos(),
        null);
  }

  /** Has the host log which pages change from now on; see {@link DirtyPages}. */
  public DirtyPages startDirtyLog() {
    return new DirtyPages(parts.host().stage2(), parts.config().hostPages().granule().baseOrder());
  }

  /**
   * Guest memory as it is now. Pages that were not brought in yet are those of the snapshot the
   * machine came from, if it came from one. Faults nothing in; machine thread, and only until the
   * machine runs on.
   */
  public GuestMemory memory() {
    return new GuestMemory(ram, parts.host(), image);
  }

  /**
   * SHA-256, in hexadecimal, over number (eight bytes, little-endian) and content of every page of
   * 4 KiB that is not all zeros, by rising number: the same whatever backs the guest. Faults
   * nothing in.
   */
  public String memoryHash() {
    return memory().hash();
  }

  private RunResult result() {
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
