package dev.quire.emulator.vcpu.x86;

import dev.quire.emulator.decode.AccessKind;
import dev.quire.emulator.decode.X86Instruction;
import dev.quire.emulator.device.DeviceState;
import dev.quire.emulator.device.StateReader;
import dev.quire.emulator.device.StateWriter;
import dev.quire.emulator.exec.X86Core;
import dev.quire.emulator.exec.X86Engine;
import dev.quire.emulator.vcpu.AccessShape;
import dev.quire.emulator.vcpu.GuestCpu;
import dev.quire.emulator.vcpu.VcpuCounters;
import dev.quire.emulator.vcpu.VcpuExit;
import dev.quire.mmu.Access;
import dev.quire.mmu.FaultRecord;

/** The x86 side of the fault path. Machine thread only. */
public final class X86Cpu implements GuestCpu, DeviceState {
  private static final int VECTOR_LIMIT = 32;
  private static final int NMI_VECTOR = 2;

  private final X86Engine engine;
  private final X86Core core;
  private final X86EventDelivery events;
  private final X86HostInstructions instructions;
  private final InterruptController interrupts;
  private final VcpuCounters counters;
  private boolean nmiPending;
  private boolean nmiBlocked;

  public X86Cpu(
      X86Engine engine,
      X86EventDelivery events,
      X86HostInstructions instructions,
      InterruptController interrupts,
      VcpuCounters counters) {
    this.engine = engine;
    this.core = engine.core();
    this.events = events;
    this.instructions = instructions;
    this.interrupts = interrupts;
    this.counters = counters;
  }

  /** Latches a non-maskable interrupt. */
  public void raiseNmi() {
    nmiPending = true;
  }

  /** INIT or reset: nothing is pending or blocked any more. */
  public void clearEvents() {
    nmiPending = false;
    setNmiBlocked(false);
    instructions.abandon();
  }

  @Override
  public VcpuExit beforeRun() {
    VcpuExit unfinished = instructions.resume();
    if (unfinished != null) {
      return unfinished;
    }
    if (nmiPending && !nmiBlocked && !core.interruptShadow()) {
      nmiPending = false;
      setNmiBlocked(true);
      counters.interrupts++;
      return events.interrupt(EventKind.NMI, NMI_VECTOR);
    }
    boolean waits = interrupts.pendingVector() >= 0;
    if (waits && canTakeInterrupt()) {
      counters.interrupts++;
      VcpuExit exit = events.interrupt(EventKind.EXTERNAL_INTERRUPT, interrupts.acknowledge());
      engine.setInterruptPending(interrupts.pendingVector() >= 0);
      return exit;
    }
    engine.setInterruptPending(waits);
    return null;
  }

  private boolean canTakeInterrupt() {
    return (core.controlFlags() & X86Flags.RFLAGS_IF) != 0 && !core.interruptShadow();
  }

  /** Whether an NMI is being handled: others wait until an IRET. */
  public boolean isNmiBlocked() {
    return nmiBlocked;
  }

  /** Begins or ends the blocking of NMIs. */
  public void setNmiBlocked(boolean blocked) {
    nmiBlocked = blocked;
    engine.interceptIret(blocked);
  }

  @Override
  public boolean hasWork() {
    boolean enabled = (core.controlFlags() & X86Flags.RFLAGS_IF) != 0;
    return nmiPending && !nmiBlocked || enabled && interrupts.pendingVector() >= 0;
  }

  @Override
  public VcpuExit deliver(FaultRecord fault) {
    if (fault.kind() == FaultRecord.GUEST) {
      return events.exception(X86Vector.PAGE_FAULT, (int) fault.syndrome(), fault.va());
    }
    int vector = isStackAccess(fault) ? X86Vector.STACK_FAULT : X86Vector.GENERAL_PROTECTION;
    return events.exception(vector, 0, 0);
  }

  /** A non-canonical address raises #SS through the stack segment (SDM vol. 3A 6.15). */
  private boolean isStackAccess(FaultRecord fault) {
    if (Access.isFetch(fault.initiator())) {
      return false;
    }
    X86Instruction instruction = engine.code().current();
    if (instruction == null) {
      return false;
    }
    boolean operand =
        instruction.memoryKind() != AccessKind.NONE
            && pageOf(instruction.effectiveAddress(core, core.rip())) == pageOf(fault.va());
    return operand
        ? instruction.segment() == X86Core.SS
        : instruction.stackKind() != AccessKind.NONE;
  }

  private static long pageOf(long linear) {
    return linear >>> 12;
  }

  @Override
  public VcpuExit trap(int number) {
    int errorCode = core.raisedErrorCode();
    boolean software = core.raisedBySoftware();
    core.acknowledgeRaised();
    if (number == X86Engine.TRAP_IRET) {
      setNmiBlocked(false);
      return null;
    }
    if (number == X86Engine.TRAP_INVALID_OPCODE || number >= X86Engine.TRAP_INTERCEPT) {
      return instructions.perform(number);
    }
    if (software) {
      return softwareInterrupt(number);
    }
    return number < VECTOR_LIMIT
        ? events.exception(number, errorCode, 0)
        : new VcpuExit.InternalError("the core raised vector %d by itself".formatted(number));
  }

  /** The core has stepped over INT n already and checked nothing. */
  private VcpuExit softwareInterrupt(int vector) {
    int bytes = engine.code().softwareInterruptBytes(vector);
    core.setRip(core.rip() - bytes);
    EventKind kind =
        bytes == 2
            ? EventKind.SOFTWARE_INTERRUPT
            : vector == X86Vector.BREAKPOINT ? EventKind.INT3 : EventKind.INTO;
    return events.software(kind, vector, bytes);
  }

  @Override
  public VcpuExit intercept() {
    return instructions.perform(engine.intercepted());
  }

  @Override
  public VcpuExit halted() {
    return VcpuExit.HLT;
  }

  @Override
  public void completeIo(long data) {
    instructions.completeIo(data);
  }

  @Override
  public VcpuExit outsideMemory(FaultRecord fault) {
    return new VcpuExit.InternalError(
        "rip 0x%x: %s at gpa 0x%x, where no memory is"
            .formatted(core.rip(), Access.describe(fault.access()), fault.gpa()));
  }

  @Override
  public VcpuExit unclaimed(FaultRecord fault) {
    throw new IllegalStateException("every x86 address answers: " + fault);
  }

  @Override
  public long shapeOf(FaultRecord fault) {
    X86Instruction instruction = engine.code().current();
    if (instruction == null) {
      return AccessShape.UNKNOWN;
    }
    return X86AccessShapes.of(instruction, core, core.rip(), fault.va());
  }

  @Override
  public long otherShapeOf(FaultRecord fault) {
    X86Instruction instruction = engine.code().current();
    return instruction == null
        ? AccessShape.UNKNOWN
        : X86AccessShapes.other(instruction, core, core.rip(), fault.va());
  }

  @Override
  public boolean isBetweenInstructions() {
    return instructions.isDone();
  }

  @Override
  public void save(StateWriter writer) {
    writer.begin("x86-events", 1).putBoolean(nmiPending).putBoolean(nmiBlocked).end();
  }

  @Override
  public void load(StateReader reader) {
    reader.begin("x86-events", 1);
    nmiPending = reader.getBoolean();
    setNmiBlocked(reader.getBoolean());
    reader.end();
  }

  @Override
  public long pc() {
    return core.linearPc();
  }
}
