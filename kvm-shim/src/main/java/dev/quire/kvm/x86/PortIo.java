package dev.quire.kvm.x86;

import dev.quire.emulator.decode.X86Instruction;
import dev.quire.emulator.decode.X86InstructionClass;
import dev.quire.emulator.exec.X86Core;
import dev.quire.emulator.vcpu.VcpuExit;
import dev.quire.emulator.vcpu.x86.LinearMemory;
import dev.quire.emulator.vcpu.x86.PortOperands;
import dev.quire.emulator.vcpu.x86.PortPermission;
import dev.quire.emulator.vcpu.x86.UnitStatus;
import dev.quire.emulator.vcpu.x86.X86Flags;
import dev.quire.emulator.vcpu.x86.X86HostInstructions;
import dev.quire.kvm.abi.KvmRun;
import dev.quire.kvm.vm.KvmBus;

/**
 * IN, OUT, INS and OUTS as KVM with VMX performs them: OUT leaves the program counter at the
 * instruction until the next KVM_RUN, REP INS reads ahead into a buffer, REP OUTS gives out one
 * element at a time (Linux v6.18 arch/x86/kvm/x86.c, kvm_fast_pio; emulate.c, pio_in_emulated). VM
 * thread only.
 */
final class PortIo {
  /** Bytes of the emulator's read-ahead buffer. */
  private static final int BUFFER_BYTES = 1024;

  /** OUT to it has always left the program counter behind it, which user space relies on. */
  private static final int PORT_BEHIND = 0x7e;

  private final X86Core core;
  private final LinearMemory memory;
  private final X86HostInstructions instructions;
  private final KvmBus bus;
  private final RunExit exits;
  private final X86VcpuState state;
  private final GuestStops stops;
  private final X86Statistics statistics;
  private final PortPermission permission;
  private final PortOperands operands;
  private final byte[] buffer = new byte[BUFFER_BYTES];

  private int bytes;
  private int port;
  private long at;

  PortIo(
      LinearMemory memory,
      X86HostInstructions instructions,
      KvmBus bus,
      RunExit exits,
      X86VcpuState state,
      GuestStops stops,
      X86Statistics statistics) {
    this.core = state.core();
    this.memory = memory;
    this.instructions = instructions;
    this.bus = bus;
    this.exits = exits;
    this.state = state;
    this.stops = stops;
    this.statistics = statistics;
    this.permission = new PortPermission(core, memory);
    this.operands = new PortOperands(core);
  }

  VcpuExit perform(X86Instruction instruction) {
    X86InstructionClass what = instruction.instructionClass();
    operands.decode(instruction);
    bytes = operands.bytes();
    port = operands.port();
    at = core.linearPc();
    int status = permission.check(port, bytes);
    if (status != UnitStatus.OK) {
      return instructions.finish(instruction, status);
    }
    if (!instruction.isString()) {
      statistics.portAccess(false);
    }
    return switch (what) {
      case IN -> in();
      case OUT -> out();
      case INS -> operands.isUsedUp() ? skip() : readIn(instruction);
      default -> operands.isUsedUp() ? skip() : outs(instruction);
    };
  }

  // IN and OUT of a register.

  private VcpuExit in() {
    if (bus.read(true, port, bytes)) {
      operands.setAccumulator(bus.data());
      return skip();
    }
    exits.run().exitIo(true, port, bytes, 1);
    exits.completeBy(this::completeIn);
    return VcpuExit.CLIENT;
  }

  private boolean completeIn() {
    if (core.linearPc() != at) {
      return true;
    }
    operands.setAccumulator(exits.run().pioData(0, bytes));
    return skip() == null;
  }

  private VcpuExit out() {
    long data = operands.accumulator();
    if (bus.write(true, port, bytes, data)) {
      return skip();
    }
    KvmRun run = exits.run();
    run.exitIo(false, port, bytes, 1);
    run.setPioData(0, bytes, data);
    if (port == PORT_BEHIND && state.vm().incrementsRipAtPort7e()) {
      stepBehind();
    } else {
      exits.completeBy(this::completeOut);
    }
    return VcpuExit.CLIENT;
  }

  private boolean completeOut() {
    return core.linearPc() != at || skip() == null;
  }

  // INS.

  private VcpuExit readIn(X86Instruction instruction) {
    long linear = instruction.stringDestinationAddress(core);
    int probe = UnitStatus.of(memory.probeWrite(linear, bytes, operands.privilege()));
    countString(probe);
    if (probe != UnitStatus.OK) {
      return instructions.finish(instruction, probe);
    }
    int count = readAhead();
    if (bus.read(true, port, bytes)) {
      put(0, bus.data());
      for (int i = 1; i < count; i++) {
        put(i, bus.read(true, port, bytes) ? bus.data() : 0);
      }
      return store(instruction, count);
    }
    exits.run().exitIo(true, port, bytes, count);
    exits.completeBy(() -> completeIns(count));
    return VcpuExit.CLIENT;
  }

  /** How many elements are read at once. */
  private int readAhead() {
    long most = operands.isRepeated() ? operands.counter() : 1;
    int offset = (int) core.gpr(X86Core.RDI) & KvmRun.PAGE_BYTES - 1;
    int inPage = operands.descends() ? offset : KvmRun.PAGE_BYTES - offset;
    long count = Math.min(Math.min(inPage, BUFFER_BYTES / bytes), most);
    return (int) Math.max(1, count);
  }

  private boolean completeIns(int count) {
    X86Instruction instruction = stops.current();
    if (core.linearPc() != at || instruction == null) {
      return true;
    }
    for (int i = 0; i < count; i++) {
      put(i, exits.run().pioData(i, bytes));
    }
    return store(instruction, count) == null;
  }

  private void put(int index, long value) {
    for (int i = 0; i < bytes; i++) {
      buffer[index * bytes + i] = (byte) (value >>> Byte.SIZE * i);
    }
  }

  private long get(int index) {
    long value = 0;
    for (int i = 0; i < bytes; i++) {
      value |= (buffer[index * bytes + i] & 0xffL) << Byte.SIZE * i;
    }
    return value;
  }

  /** Stores what was read, element by element, up to the first that faults. */
  private VcpuExit store(X86Instruction instruction, int count) {
    for (int i = 0; i < count; i++) {
      long linear = instruction.stringDestinationAddress(core);
      int status = UnitStatus.of(memory.write(linear, bytes, get(i), operands.privilege()));
      if (status != UnitStatus.OK) {
        return instructions.finish(instruction, status);
      }
      operands.advance(X86Core.RDI);
    }
    return operands.isRepeated() ? stayRepeating() : skip();
  }

  // OUTS.

  private VcpuExit outs(X86Instruction instruction) {
    long linear = instruction.stringSourceAddress(core);
    int status = UnitStatus.of(memory.read(linear, bytes, operands.privilege()));
    countString(status);
    if (status != UnitStatus.OK) {
      return instructions.finish(instruction, status);
    }
    long data = memory.value();
    boolean taken = bus.write(true, port, bytes, data);
    operands.advance(X86Core.RSI);
    if (taken) {
      return operands.isRepeated() ? stayRepeating() : skip();
    }
    exits.run().exitIo(false, port, bytes, 1);
    exits.run().setPioData(0, bytes, data);
    if (operands.isRepeated()) {
      stayRepeating();
    } else {
      stepBehind();
    }
    return VcpuExit.CLIENT;
  }

  /** An access that waits for the host's memory is tried again, and is one. */
  private void countString(int status) {
    if (status != UnitStatus.NEEDS_HOST) {
      statistics.portAccess(true);
    }
  }

  /** The emulator leaves even a finished repetition at its instruction, with RF set. */
  private VcpuExit stayRepeating() {
    core.setRflags(core.rflags() | X86Flags.RFLAGS_RF);
    return null;
  }

  /** Steps behind the instruction; a single step ends there. */
  private VcpuExit skip() {
    stepBehind();
    return stops.stepped();
  }

  private void stepBehind() {
    instructions.stepBehind(operands.instructionBytes());
    core.setRflags(core.rflags() & ~X86Flags.RFLAGS_RF);
  }
}
