package dev.quire.emulator.vcpu.x86;

import dev.quire.emulator.decode.CodeMode;
import dev.quire.emulator.decode.X86Instruction;
import dev.quire.emulator.exec.X86Core;
import dev.quire.emulator.exec.X86Engine;
import dev.quire.emulator.vcpu.VcpuExit;
import dev.quire.mmu.x86.RegisterWrite;

/**
 * The instructions the core cannot be left alone with, performed by the host: system registers, TLB
 * maintenance, port I/O, system calls. Machine thread only.
 *
 * <p>Each is either done, whereupon the program counter is behind it, or raises its exception, or
 * changes nothing and is tried again after the host has backed a page.
 */
public final class X86HostInstructions {
  private static final int SYSCALL_BYTES = 2;
  private static final long LOW_32 = 0xffff_ffffL;

  private final X86Engine engine;
  private final X86Core core;
  private final X86EventDelivery events;
  private final LinearMemory memory;
  private final SystemRegisterInstructions registers;
  private final PortInstructions ports;
  private final SyscallUnit syscalls;
  private X86InstructionHandler handler = X86InstructionHandler.NONE;
  private VcpuExit deferred;

  public X86HostInstructions(
      X86Engine engine,
      X86EventDelivery events,
      LinearMemory memory,
      SystemRegisterInstructions registers,
      SyscallUnit syscalls) {
    this.engine = engine;
    this.core = engine.core();
    this.events = events;
    this.memory = memory;
    this.registers = registers;
    this.syscalls = syscalls;
    this.ports = new PortInstructions(engine, memory);
  }

  /** Names who performs some instructions from now on. */
  public void attach(X86InstructionHandler special) {
    handler = special;
  }

  /** Performs what ended the run with this trap; null when the guest goes on. */
  VcpuExit perform(int trap) {
    if (trap == X86Engine.TRAP_SYSCALL || trap == X86Engine.TRAP_SYSENTER) {
      return systemCall(trap);
    }
    X86Instruction instruction = engine.code().current();
    return instruction == null ? raise(X86Vector.INVALID_OPCODE) : perform(instruction);
  }

  /** Performs the instruction at the program counter; null when the guest goes on. */
  VcpuExit perform(X86Instruction instruction) {
    if (handler.performs(instruction)) {
      return handler.perform(instruction);
    }
    return switch (instruction.instructionClass()) {
      case IN, OUT, INS, OUTS -> portAccess(instruction);
      case INT1 -> events.software(EventKind.INT1, X86Vector.DEBUG, instruction.length());
      case RDMSR -> finish(instruction, registers.readMsr());
      case WRMSR -> finish(instruction, registers.writeMsr());
      case MOV_TO_CR -> finish(instruction, registers.moveToCr(instruction));
      case MOV_FROM_CR -> finish(instruction, registers.moveFromCr(instruction));
      case LMSW -> finish(instruction, registers.lmsw(instruction));
      case CLTS -> finish(instruction, registers.clts());
      case INVLPG -> finish(instruction, registers.invlpg(instruction));
      case INVPCID -> finish(instruction, registers.invpcid(instruction));
      default -> raise(X86Vector.INVALID_OPCODE);
    };
  }

  /** The core has stepped over the instruction and done nothing else. */
  private VcpuExit systemCall(int trap) {
    core.setRip(core.rip() - SYSCALL_BYTES);
    int status =
        trap == X86Engine.TRAP_SYSCALL ? syscalls.syscall(SYSCALL_BYTES) : syscalls.sysenter();
    if (status == UnitStatus.OK) {
      return null;
    }
    engine.unretireOne();
    return raise(status);
  }

  private VcpuExit portAccess(X86Instruction instruction) {
    int status = ports.begin(instruction);
    if (status == PortInstructions.NOTHING_TO_DO) {
      return finish(instruction, UnitStatus.OK);
    }
    if (status != UnitStatus.OK) {
      return finish(instruction, status);
    }
    VcpuExit exit = ports.exit();
    if (!ports.awaitsData()) {
      completePort();
    }
    return exit;
  }

  /** Takes what a device answered to IN or INS. */
  void completeIo(long data) {
    ports.complete(data);
    completePort();
  }

  private void completePort() {
    if (ports.isFinished()) {
      core.setRip(core.rip() + ports.instructionBytes());
    }
    core.setInterruptShadow(false);
    engine.retireOne();
    deferred = trace();
  }

  /** What the completion of the last instruction left to do. */
  VcpuExit resume() {
    VcpuExit exit = deferred;
    deferred = null;
    return exit;
  }

  /** Whether the last instruction left nothing to do. */
  boolean isDone() {
    return deferred == null;
  }

  void abandon() {
    deferred = null;
  }

  /**
   * Ends an instruction: steps behind it, or raises what {@code status} says.
   *
   * @param status a {@link UnitStatus}
   * @return null when the guest goes on
   */
  public VcpuExit finish(X86Instruction instruction, int status) {
    if (status != UnitStatus.OK) {
      return status == UnitStatus.NEEDS_HOST ? events.resolve("an instruction") : raise(status);
    }
    stepBehind(instruction.length());
    return trace();
  }

  /** Retires an instruction of this length at the program counter; {@link #trace} is due. */
  public void stepBehind(int instructionBytes) {
    long next = core.rip() + instructionBytes;
    core.setRip(core.codeMode() == CodeMode.BITS_64 ? next : next & LOW_32);
    core.setInterruptShadow(false);
    engine.retireOne();
  }

  /** The trap of RFLAGS.TF, which the core raises for the instructions it executes itself. */
  public VcpuExit trace() {
    boolean traced = (core.controlFlags() & X86Flags.RFLAGS_TF) != 0;
    return traced ? events.exception(X86Vector.DEBUG, 0, 0) : null;
  }

  /** Raises the exception of a {@link UnitStatus}; null when the guest goes on. */
  public VcpuExit raise(int vector) {
    return vector == X86Vector.PAGE_FAULT
        ? events.exception(vector, memory.pageFaultErrorCode(), memory.cr2())
        : events.exception(vector, 0, 0);
  }

  /** From the MMU's answer to a register write. */
  static int statusOf(RegisterWrite write) {
    return switch (write) {
      case DONE -> UnitStatus.OK;
      case GENERAL_PROTECTION -> X86Vector.GENERAL_PROTECTION;
      case STAGE2_FAULT -> UnitStatus.NEEDS_HOST;
    };
  }
}
