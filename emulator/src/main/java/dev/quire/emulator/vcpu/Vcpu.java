package dev.quire.emulator.vcpu;

import dev.quire.emulator.exec.BouncePage;
import dev.quire.emulator.exec.EngineExit;
import dev.quire.emulator.exec.ExecutionEngine;
import dev.quire.mmu.Access;
import dev.quire.mmu.FaultRecord;
import dev.quire.mmu.Mmu;

/**
 * One vCPU: runs the engine and takes each of its exits to whoever answers it. This is the only
 * fault path there is.
 *
 * <pre>
 * engine exit --> translation fault --> guest's own --> GuestCpu.deliver
 *                                   --> stage 2     --> HostFaults.resolve --> retry
 *                                                   --> device             --> VcpuExit.Mmio
 *             --> trap, intercept   --> GuestCpu
 *             --> deadline, halt, kick              --> VcpuExit
 * </pre>
 *
 * Machine thread only.
 */
public final class Vcpu {
  /**
   * Exceptions and host faults in a row without an instruction retired. One instruction needs at
   * most a few hundred; an exception vector that faults itself needs more than any number.
   */
  private static final int MOST_FRUITLESS = 10_000;

  private final int index;
  private final ExecutionEngine engine;
  private final GuestCpu cpu;
  private final Mmu mmu;
  private final HostFaults host;
  private final MmioAccess mmio;
  private final VcpuCounters counters;

  public Vcpu(
      int index,
      ExecutionEngine engine,
      GuestCpu cpu,
      Mmu mmu,
      HostFaults host,
      VcpuCounters counters) {
    this.index = index;
    this.engine = engine;
    this.cpu = cpu;
    this.mmu = mmu;
    this.host = host;
    this.counters = counters;
    this.mmio = new MmioAccess(engine);
  }

  public int index() {
    return index;
  }

  public ExecutionEngine engine() {
    return engine;
  }

  public GuestCpu cpu() {
    return cpu;
  }

  public Mmu mmu() {
    return mmu;
  }

  public VcpuCounters counters() {
    return counters;
  }

  /** Whether no instruction is half done: a snapshot may be taken. */
  public boolean isBetweenInstructions() {
    return !mmio.inProgress() && cpu.isBetweenInstructions();
  }

  /** Runs until the machine must act, at most until {@code deadline} retired instructions. */
  public VcpuExit run(long deadline) {
    long retired = engine.retired();
    int fruitless = 0;
    while (fruitless++ < MOST_FRUITLESS) {
      VcpuExit exit = mmio.inProgress() ? continueMmio() : step(deadline);
      if (exit != null) {
        counters.count(exit);
        return exit;
      }
      if (engine.retired() != retired) {
        retired = engine.retired();
        fruitless = 0;
      }
    }
    return new VcpuExit.Livelock(
        "vCPU %d takes exceptions at pc 0x%x and executes nothing".formatted(index, cpu.pc()));
  }

  private VcpuExit step(long deadline) {
    VcpuExit early = cpu.beforeRun();
    return early != null ? early : handle(engine.run(deadline));
  }

  /** Answers the last {@link VcpuExit.Io} or {@link VcpuExit.Mmio} read. */
  public void complete(long data) {
    if (mmio.awaitsData()) {
      mmio.completeRead(data);
    } else {
      cpu.completeIo(data);
    }
  }

  /** What is left of a device access is not made: an exception comes in its place. */
  public void abandonAccess() {
    mmio.abandon();
  }

  private VcpuExit handle(EngineExit exit) {
    return switch (exit) {
      case EngineExit.Fault() -> fault();
      case EngineExit.Trap(int number) -> cpu.trap(number);
      case EngineExit.Intercept() -> cpu.intercept();
      case EngineExit.Deadline() -> VcpuExit.SLICE_END;
      case EngineExit.Halted() -> cpu.halted();
      case EngineExit.Kicked() -> VcpuExit.INTR;
      case EngineExit.InterruptWindow() -> null;
      case EngineExit.Failed(String reason) -> internalError(reason);
    };
  }

  private VcpuExit fault() {
    FaultRecord fault = mmu.fault();
    return switch (fault.kind()) {
      case FaultRecord.GUEST, FaultRecord.NON_CANONICAL, FaultRecord.EXTERNAL -> {
        counters.guestFaults++;
        mmu.faultTaken();
        yield cpu.deliver(fault);
      }
      case FaultRecord.STAGE2 -> stage2Fault(fault);
      default -> internalError("the host's own second-stage tables are malformed: " + fault);
    };
  }

  private VcpuExit stage2Fault(FaultRecord fault) {
    int outcome = host.resolve(fault);
    return switch (outcome) {
      case HostFaults.MAPPED -> {
        counters.stage2Faults++;
        mmu.faultTaken();
        yield null;
      }
      case HostFaults.FAILED -> internalError(host.problem());
      case HostFaults.HANDLER_DEAD ->
          new VcpuExit.HandlerDead("vCPU %d: %s".formatted(index, host.problem()));
      default -> {
        if (Access.isTableWalk(fault.access()) || Access.isFetch(fault.access())) {
          mmio.abandon();
          yield cpu.outsideMemory(fault);
        }
        if (outcome == HostFaults.UNCLAIMED) {
          mmio.abandon();
          yield cpu.unclaimed(fault);
        }
        yield beginMmio(fault, outcome == HostFaults.READ_ONLY);
      }
    };
  }

  private VcpuExit beginMmio(FaultRecord fault, boolean readOnlyMemory) {
    long shape = cpu.shapeOf(fault);
    if (shape == AccessShape.UNKNOWN) {
      return internalError(
          "an instruction Quire cannot decode accesses a device at gpa 0x%x"
              .formatted(fault.gpa()));
    }
    if (mmio.isFull()) {
      return internalError("one instruction accesses more device pages than Quire follows");
    }
    long offset = fault.va() & 0xfff;
    byte[] memory = null;
    if (readOnlyMemory) {
      memory = new byte[BouncePage.BYTES];
      host.read(fault.gpa(), memory);
    }
    mmio.add(fault.va(), (fault.gpa() & ~0xfffL) | offset, shape, memory);
    long other = cpu.otherShapeOf(fault);
    if (other != AccessShape.UNKNOWN) {
      mmio.addToPage(other);
    }
    return null;
  }

  private VcpuExit continueMmio() {
    VcpuExit question = mmio.next();
    if (question != null || !mmio.inProgress()) {
      return question;
    }
    EngineExit exit = mmio.execute();
    if (exit == null) {
      return null;
    }
    if (exit instanceof EngineExit.Fault && mmu.fault().kind() == FaultRecord.STAGE2) {
      return stage2Fault(mmu.fault());
    }
    mmio.abandon();
    return handle(exit);
  }

  private VcpuExit internalError(String reason) {
    return new VcpuExit.InternalError("vCPU %d at pc 0x%x: %s".formatted(index, cpu.pc(), reason));
  }
}
