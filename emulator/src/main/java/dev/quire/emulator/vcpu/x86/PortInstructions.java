package dev.quire.emulator.vcpu.x86;

import dev.quire.emulator.decode.X86Instruction;
import dev.quire.emulator.decode.X86InstructionClass;
import dev.quire.emulator.exec.X86Core;
import dev.quire.emulator.exec.X86Engine;
import dev.quire.emulator.vcpu.VcpuExit;
import dev.quire.mmu.Access;

/**
 * IN, OUT, INS and OUTS, one element at a time as KVM hands them out. A repeated one stays at its
 * instruction until its counter is used up.
 */
final class PortInstructions {
  /** A repeated instruction whose counter is zero. */
  static final int NOTHING_TO_DO = -3;

  private static final long LOW_32 = 0xffff_ffffL;
  private static final long RFLAGS_DF = 1L << 10;

  private final X86Core core;
  private final LinearMemory memory;
  private final PortPermission permission;
  private boolean in;
  private boolean string;
  private boolean repeated;
  private int port;
  private int bytes;
  private int addressBytes;
  private int instructionBytes;
  private long linear;
  private long data;
  private boolean finished;

  PortInstructions(X86Engine engine, LinearMemory memory) {
    this.core = engine.core();
    this.memory = memory;
    this.permission = new PortPermission(core, memory);
  }

  /** Checks the access; {@link UnitStatus#OK} when {@link #exit} may be handed out. */
  int begin(X86Instruction instruction) {
    X86InstructionClass what = instruction.instructionClass();
    in = what == X86InstructionClass.IN || what == X86InstructionClass.INS;
    string = instruction.isString();
    repeated = instruction.isRepeated();
    bytes = instruction.elementBytes();
    addressBytes = instruction.addressBytes();
    instructionBytes = instruction.length();
    int immediate = instruction.immediatePort();
    port = immediate >= 0 ? immediate : (int) core.gpr(X86Core.RDX) & 0xffff;
    int status = permission.check(port, bytes);
    if (status != UnitStatus.OK) {
      return status;
    }
    if (repeated && truncated(core.gpr(X86Core.RCX)) == 0) {
      return NOTHING_TO_DO;
    }
    return string ? beginElement(instruction) : beginRegister();
  }

  private int beginRegister() {
    data = core.gpr(X86Core.RAX) & mask(bytes);
    return UnitStatus.OK;
  }

  private int beginElement(X86Instruction instruction) {
    int privilege = core.cpl() == 3 ? Access.USER : 0;
    if (in) {
      linear = instruction.stringDestinationAddress(core);
      return UnitStatus.of(memory.probeWrite(linear, bytes, privilege));
    }
    linear = instruction.stringSourceAddress(core);
    int status = UnitStatus.of(memory.read(linear, bytes, privilege));
    data = status == UnitStatus.OK ? memory.value() : 0;
    return status;
  }

  VcpuExit exit() {
    if (!in) {
      advance();
    }
    return new VcpuExit.Io(in, port, bytes, in ? 0 : data);
  }

  boolean awaitsData() {
    return in;
  }

  /** Takes the device's answer. */
  void complete(long answer) {
    long value = answer & mask(bytes);
    if (string) {
      int privilege = core.cpl() == 3 ? Access.USER : 0;
      memory.write(linear, bytes, value, privilege);
    } else {
      long old = core.gpr(X86Core.RAX);
      core.setGpr(X86Core.RAX, bytes == Integer.BYTES ? value : old & ~mask(bytes) | value);
    }
    advance();
  }

  private void advance() {
    finished = true;
    if (!string) {
      return;
    }
    int index = in ? X86Core.RDI : X86Core.RSI;
    long step = (core.rflags() & RFLAGS_DF) == 0 ? bytes : -bytes;
    setAddressRegister(index, core.gpr(index) + step);
    if (repeated) {
      setAddressRegister(X86Core.RCX, core.gpr(X86Core.RCX) - 1);
      finished = truncated(core.gpr(X86Core.RCX)) == 0;
    }
  }

  /** Whether the program counter moves on. */
  boolean isFinished() {
    return finished;
  }

  int instructionBytes() {
    return instructionBytes;
  }

  private void setAddressRegister(int index, long value) {
    long old = core.gpr(index);
    core.setGpr(
        index,
        switch (addressBytes) {
          case 2 -> old & ~0xffffL | value & 0xffff;
          case 4 -> value & LOW_32;
          default -> value;
        });
  }

  private long truncated(long value) {
    return switch (addressBytes) {
      case 2 -> value & 0xffff;
      case 4 -> value & LOW_32;
      default -> value;
    };
  }

  private static long mask(int bytes) {
    return (1L << (8 * bytes)) - 1;
  }
}
