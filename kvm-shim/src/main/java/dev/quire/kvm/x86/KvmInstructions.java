package dev.quire.kvm.x86;

import dev.quire.emulator.decode.X86Instruction;
import dev.quire.emulator.decode.X86InstructionClass;
import dev.quire.emulator.vcpu.VcpuExit;
import dev.quire.emulator.vcpu.x86.X86InstructionHandler;

/** The instructions that a client of KVM sees, or that KVM answers otherwise than a machine. */
final class KvmInstructions implements X86InstructionHandler {
  private final PortIo ports;
  private final MsrAccesses msrs;
  private final Hypercalls hypercalls;

  KvmInstructions(PortIo ports, MsrAccesses msrs, Hypercalls hypercalls) {
    this.ports = ports;
    this.msrs = msrs;
    this.hypercalls = hypercalls;
  }

  @Override
  public boolean performs(X86InstructionClass what) {
    return switch (what) {
      case IN, OUT, INS, OUTS, RDMSR, WRMSR, VMCALL, VMMCALL -> true;
      default -> false;
    };
  }

  @Override
  public VcpuExit perform(X86Instruction instruction) {
    return switch (instruction.instructionClass()) {
      case RDMSR -> msrs.read(instruction);
      case WRMSR -> msrs.write(instruction);
      case VMCALL, VMMCALL -> hypercalls.perform(instruction);
      default -> ports.perform(instruction);
    };
  }
}
