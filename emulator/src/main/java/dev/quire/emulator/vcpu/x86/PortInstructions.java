package dev.quire.emulator.vcpu.x86;

import dev.quire.emulator.decode.X86Instruction;
import dev.quire.emulator.decode.X86InstructionClass;
import dev.quire.emulator.exec.X86Core;
import dev.quire.emulator.exec.X86Engine;
import dev.quire.emulator.vcpu.VcpuExit;

/**
 * IN, OUT, INS and OUTS, one element at a time as KVM hands them out. A repeated one stays at its
 * instruction until its counter is used up.
 */
final class PortInstructions {
  /** A repeated instruction whose counter is zero. */
  static final int NOTHING_TO_DO = -3;

  private final X86Core core;
  private final LinearMemory memory;
  private final PortPermission permission;
  private final PortOperands operands;
  private boolean in;
  private boolean string;
  private long linear;
  private long data;
  private boolean finished;

  PortInstructions(X86Engine engine, LinearMemory memory) {
    this.core = engine.core();
    this.memory = memory;
    this.permission = new PortPermission(core, memory);
    this.operands = new PortOperands(core);
  }

  /** Checks the access; {@link UnitStatus#OK} when {@link #exit} may be handed out. */
  int begin(X86Instruction instruction) {
    X86InstructionClass what = instruction.instructionClass();
    in = what == X86InstructionClass.IN || what == X86InstructionClass.INS;
    string = instruction.isString();
    operands.decode(instruction);
    int status = permission.check(operands.port(), operands.bytes());
    if (status != UnitStatus.OK) {
      return status;
    }
    if (operands.isUsedUp()) {
      return NOTHING_TO_DO;
    }
    if (string) {
      return beginElement(instruction);
    }
    data = operands.accumulator();
    return UnitStatus.OK;
  }

  private int beginElement(X86Instruction instruction) {
    int bytes = operands.bytes();
    if (in) {
      linear = instruction.stringDestinationAddress(core);
      return UnitStatus.of(memory.probeWrite(linear, bytes, operands.privilege()));
    }
    linear = instruction.stringSourceAddress(core);
    int status = UnitStatus.of(memory.read(linear, bytes, operands.privilege()));
    data = status == UnitStatus.OK ? memory.value() : 0;
    return status;
  }

  VcpuExit exit() {
    if (!in) {
      advance();
    }
    return new VcpuExit.Io(in, operands.port(), operands.bytes(), in ? 0 : data);
  }

  boolean awaitsData() {
    return in;
  }

  /** Takes the device's answer. */
  void complete(long answer) {
    if (string) {
      memory.write(linear, operands.bytes(), answer, operands.privilege());
    } else {
      operands.setAccumulator(answer);
    }
    advance();
  }

  private void advance() {
    if (string) {
      operands.advance(in ? X86Core.RDI : X86Core.RSI, 1);
    }
    finished = !operands.isRepeated() || operands.isUsedUp();
  }

  /** Whether the program counter moves on. */
  boolean isFinished() {
    return finished;
  }

  int instructionBytes() {
    return operands.instructionBytes();
  }
}
