package dev.quire.kvm.x86;

import dev.quire.emulator.decode.X86Instruction;
import dev.quire.emulator.decode.X86InstructionClass;
import dev.quire.emulator.vcpu.VcpuExit;
import dev.quire.emulator.vcpu.x86.UnitStatus;
import dev.quire.emulator.vcpu.x86.X86HostInstructions;
import dev.quire.emulator.vcpu.x86.X86InstructionHandler;
import dev.quire.emulator.vcpu.x86.X86Vector;

/** The instructions that a client of KVM sees, or that KVM answers otherwise than a machine. */
final class KvmInstructions implements X86InstructionHandler {
  private final X86VcpuState state;
  private final X86HostInstructions instructions;
  private final PortIo ports;
  private final MsrAccesses msrs;
  private final Hypercalls hypercalls;

  KvmInstructions(
      X86VcpuState state,
      X86HostInstructions instructions,
      PortIo ports,
      MsrAccesses msrs,
      Hypercalls hypercalls) {
    this.state = state;
    this.instructions = instructions;
    this.ports = ports;
    this.msrs = msrs;
    this.hypercalls = hypercalls;
  }

  @Override
  public boolean performs(X86InstructionClass what) {
    return switch (what) {
      case IN, OUT, INS, OUTS, RDMSR, WRMSR, VMCALL, VMMCALL, MONITOR, MWAIT, RDPMC -> true;
      default -> false;
    };
  }

  @Override
  public VcpuExit perform(X86Instruction instruction) {
    return switch (instruction.instructionClass()) {
      case RDMSR -> msrs.read(instruction);
      case WRMSR -> msrs.write(instruction);
      case MONITOR, MWAIT -> instructions.finish(instruction, monitorStatus());
      // There is no performance monitoring unit.
      case RDPMC -> instructions.finish(instruction, X86Vector.GENERAL_PROTECTION);
      case VMCALL, VMMCALL -> hypercalls.perform(instruction);
      default -> ports.perform(instruction);
    };
  }

  /** MONITOR and MWAIT do nothing, also where CPUID does not show them (kvm_emulate_mwait). */
  private int monitorStatus() {
    boolean allowed =
        state.vm().hasQuirk(X86VmState.QUIRK_MWAIT_NEVER_UD) || state.cpuid().has(CpuFeature.MWAIT);
    return allowed && state.core().cpl() == 0 ? UnitStatus.OK : X86Vector.INVALID_OPCODE;
  }
}
