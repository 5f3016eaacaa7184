package dev.quire.kvm.x86;

import dev.quire.emulator.decode.X86Instruction;
import dev.quire.emulator.decode.X86InstructionClass;
import dev.quire.emulator.exec.X86Core;
import dev.quire.emulator.vcpu.VcpuExit;
import dev.quire.emulator.vcpu.x86.LinearMemory;
import dev.quire.emulator.vcpu.x86.PortOperands;
import dev.quire.emulator.vcpu.x86.PortPermission;
import dev.quire.emulator.vcpu.x86.UnitStatus;
import dev.quire.emulator.vcpu.x86.X86HostInstructions;
import dev.quire.kvm.abi.KvmRun;
import dev.quire.kvm.vm.KvmBus;

/**
 * IN and OUT as KVM with VMX performs them: OUT leaves the program counter at the instruction until
 * the next KVM_RUN (Linux v6.18 arch/x86/kvm/x86.c, kvm_fast_pio). INS and OUTS are {@link
 * PortStrings}'s. VM thread only.
 */
final class PortIo {
  /** OUT to it has always left the program counter behind it, which user space relies on. */
  private static final int PORT_BEHIND = 0x7e;

  private final X86Core core;
  private final X86HostInstructions instructions;
  private final KvmBus bus;
  private final RunExit exits;
  private final X86VcpuState state;
  private final GuestStops stops;
  private final X86Statistics statistics;
  private final PortPermission permission;
  private final PortOperands operands;
  private final PortStrings strings;

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
      X86Statistics statistics,
      PortStrings strings) {
    this.core = state.core();
    this.instructions = instructions;
    this.bus = bus;
    this.exits = exits;
    this.state = state;
    this.stops = stops;
    this.statistics = statistics;
    this.strings = strings;
    this.permission = new PortPermission(core, memory);
    this.operands = new PortOperands(core);
  }

  VcpuExit perform(X86Instruction instruction) {
    operands.decode(instruction);
    bytes = operands.bytes();
    port = operands.port();
    at = core.linearPc();
    int status = permission.check(port, bytes);
    if (status != UnitStatus.OK) {
      return instructions.finish(instruction, status);
    }
    if (instruction.isString()) {
      return strings.perform(instruction);
    }
    statistics.portAccess(false);
    return instruction.instructionClass() == X86InstructionClass.IN ? in() : out();
  }

  private VcpuExit in() {
    stops.showResumeFlag();
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

  /** Steps behind the instruction; a single step ends there. */
  private VcpuExit skip() {
    stepBehind();
    return stops.stepped();
  }

  private void stepBehind() {
    instructions.stepBehind(operands.instructionBytes());
    core.setResumeFlag(false);
  }
}
