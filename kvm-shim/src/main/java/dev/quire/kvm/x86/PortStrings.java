package dev.quire.kvm.x86;

import dev.quire.emulator.decode.CodeMode;
import dev.quire.emulator.decode.X86Instruction;
import dev.quire.emulator.decode.X86InstructionClass;
import dev.quire.emulator.exec.X86Core;
import dev.quire.emulator.vcpu.VcpuExit;
import dev.quire.emulator.vcpu.x86.PortOperands;
import dev.quire.emulator.vcpu.x86.UnitStatus;
import dev.quire.emulator.vcpu.x86.X86HostInstructions;
import dev.quire.kvm.abi.KvmRun;
import dev.quire.kvm.vm.KvmBus;

/**
 * INS and OUTS as KVM's emulator performs them: REP INS reads ahead into a buffer and stores it at
 * once, or an element at a time where addresses descend; OUTS gives out one element. Either side
 * may be user space's, so an instruction is left and gone on with, wherever the client put the
 * program counter meanwhile (Linux v6.18 arch/x86/kvm/emulate.c, pio_in_emulated, x86_emulate_insn;
 * x86.c, complete_emulated_pio, complete_emulated_mmio). VM thread only.
 */
final class PortStrings {
  private enum Phase {
    IDLE,
    /** INS: user space reads the port. */
    READING,
    /** INS: elements are in the buffer. */
    STORING,
    /** INS: user space stores what no memory took; the instruction is over. */
    GIVING,
    /** OUTS: user space loads the element. */
    LOADING
  }

  private static final long LOW_32 = 0xffff_ffffL;

  private final X86Core core;
  private final PortOperands operands;
  private final X86HostInstructions instructions;
  private final EmulatedAccess access;
  private final KvmBus bus;
  private final RunExit exits;
  private final GuestStops stops;
  private final X86Statistics statistics;
  private final KvmCpu cpu;
  private Phase phase = Phase.IDLE;
  private long rip;
  private int port;
  private int bytes;

  /** INS: where the next element goes, and what RDI is relative to. */
  private long linear;

  private long segmentBase;

  /** Elements in the buffer, and those of them that are stored. */
  private int count;

  private int stored;

  /** How many the access under way stores. */
  private int elements;

  PortStrings(
      X86Core core,
      X86HostInstructions instructions,
      EmulatedAccess access,
      KvmBus bus,
      RunExit exits,
      GuestStops stops,
      X86Statistics statistics,
      KvmCpu cpu) {
    this.core = core;
    this.operands = new PortOperands(core);
    this.instructions = instructions;
    this.access = access;
    this.bus = bus;
    this.exits = exits;
    this.stops = stops;
    this.statistics = statistics;
    this.cpu = cpu;
  }

  /** Whether an instruction has been left half done. */
  boolean isUnderWay() {
    return phase != Phase.IDLE;
  }

  /** INIT: what was left half done is not gone on with. */
  void abandon() {
    phase = Phase.IDLE;
  }

  /** Begins an instruction that may access its port. */
  VcpuExit perform(X86Instruction instruction) {
    operands.decode(instruction);
    rip = core.rip();
    port = operands.port();
    bytes = operands.bytes();
    stops.showResumeFlag();
    if (operands.isUsedUp()) {
      return skip();
    }
    return instruction.instructionClass() == X86InstructionClass.INS
        ? readPort(instruction)
        : load(instruction);
  }

  /** Goes on with the instruction under way; null when it is over and the guest goes on. */
  VcpuExit resume() {
    return switch (phase) {
      case IDLE -> null;
      case GIVING -> give();
      case READING -> {
        core.setRip(rip);
        for (int i = 0; i < count; i++) {
          access.put(i * bytes, bytes, exits.run().pioData(i, bytes));
        }
        yield beginStoring();
      }
      case STORING -> {
        core.setRip(rip);
        yield store();
      }
      case LOADING -> {
        core.setRip(rip);
        access.take(exits.run());
        yield access.isOwed() ? exitMmio() : putOut();
      }
    };
  }

  // INS.

  private VcpuExit readPort(X86Instruction instruction) {
    statistics.portAccess(true);
    linear = instruction.stringDestinationAddress(core);
    segmentBase = linear - operands.address(X86Core.RDI);
    count = readAhead();
    if (bus.read(true, port, bytes)) {
      access.put(0, bytes, bus.data());
      for (int i = 1; i < count; i++) {
        access.put(i * bytes, bytes, bus.read(true, port, bytes) ? bus.data() : 0);
      }
      return beginStoring();
    }
    exits.run().exitIo(true, port, bytes, count);
    phase = Phase.READING;
    return VcpuExit.CLIENT;
  }

  /** How many elements are read at once: by the emulator's count, bytes to the page's end. */
  private int readAhead() {
    long most = operands.isRepeated() ? operands.counter() : 1;
    int offset = (int) core.gpr(X86Core.RDI) & KvmRun.PAGE_BYTES - 1;
    int inPage = operands.descends() ? offset : KvmRun.PAGE_BYTES - offset;
    long limit = Math.min(Math.min(inPage, EmulatedAccess.MOST_BYTES / bytes), most);
    return (int) Math.max(1, limit);
  }

  private VcpuExit beginStoring() {
    phase = Phase.STORING;
    stored = 0;
    beginElements();
    return store();
  }

  private void beginElements() {
    elements = operands.descends() ? 1 : count;
    access.begin(true, linear, stored * bytes, elements * bytes, operands.privilege());
  }

  /** Stores what was read, up to what faults or is a device of user space's. */
  private VcpuExit store() {
    while (true) {
      int status = access.reach();
      if (status == UnitStatus.NEEDS_HOST) {
        return access.blocked();
      }
      if (status != UnitStatus.OK) {
        return fail(status);
      }
      operands.advance(X86Core.RDI, elements);
      stored += elements;
      if (access.isOwed()) {
        stepOrStay();
        statistics.userMmio();
        phase = Phase.GIVING;
        return give();
      }
      if (stored == count) {
        return finish();
      }
      linear = destination();
      beginElements();
    }
  }

  private long destination() {
    long next = segmentBase + operands.address(X86Core.RDI);
    return core.codeMode() == CodeMode.BITS_64 ? next : next & LOW_32;
  }

  private VcpuExit give() {
    if (!access.isOwed()) {
      phase = Phase.IDLE;
      return null;
    }
    return exitMmio();
  }

  private VcpuExit exitMmio() {
    access.exit(exits.run());
    return VcpuExit.CLIENT;
  }

  // OUTS.

  private VcpuExit load(X86Instruction instruction) {
    access.begin(false, instruction.stringSourceAddress(core), 0, bytes, operands.privilege());
    int status = access.reach();
    if (status == UnitStatus.NEEDS_HOST) {
      // Nothing has happened yet: the instruction is tried again, and is one.
      return access.blocked();
    }
    statistics.portAccess(true);
    if (status != UnitStatus.OK) {
      return fail(status);
    }
    if (access.isOwed()) {
      statistics.userMmio();
      phase = Phase.LOADING;
      return exitMmio();
    }
    return putOut();
  }

  private VcpuExit putOut() {
    long data = access.get(0, bytes);
    boolean taken = bus.write(true, port, bytes, data);
    operands.advance(X86Core.RSI, 1);
    if (taken) {
      return finish();
    }
    phase = Phase.IDLE;
    exits.run().exitIo(false, port, bytes, 1);
    exits.run().setPioData(0, bytes, data);
    stepOrStay();
    return VcpuExit.CLIENT;
  }

  // The end of both.

  private VcpuExit fail(int status) {
    phase = Phase.IDLE;
    return status == EmulatedAccess.TABLE_OUTSIDE_MEMORY
        ? cpu.outsideMemory(access.fault())
        : instructions.raise(status);
  }

  /** The instruction, or an iteration, is over without user space; a single step ends there. */
  private VcpuExit finish() {
    phase = Phase.IDLE;
    stepOrStay();
    return stops.stepped();
  }

  private VcpuExit skip() {
    stepBehind();
    return stops.stepped();
  }

  /** The emulator leaves even a finished repetition at its instruction, with RF set. */
  private void stepOrStay() {
    if (operands.isRepeated()) {
      core.setResumeFlag(true);
    } else {
      stepBehind();
    }
  }

  private void stepBehind() {
    instructions.stepBehind(operands.instructionBytes());
    core.setResumeFlag(false);
  }
}
