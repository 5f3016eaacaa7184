package dev.quire.kvm.x86;

import dev.quire.emulator.decode.X86Instruction;
import dev.quire.emulator.exec.X86Core;
import dev.quire.emulator.vcpu.VcpuExit;
import dev.quire.emulator.vcpu.x86.ControlRegisterUnit;
import dev.quire.emulator.vcpu.x86.UnitStatus;
import dev.quire.emulator.vcpu.x86.X86HostInstructions;
import dev.quire.emulator.vcpu.x86.X86InstructionHandler;
import dev.quire.emulator.vcpu.x86.X86Vector;
import dev.quire.kvm.abi.KvmRun;

/** The instructions that a client of KVM sees, or that KVM answers otherwise than a machine. */
final class KvmInstructions implements X86InstructionHandler {
  private static final int CR8 = 8;

  private final X86VcpuState state;
  private final X86HostInstructions instructions;
  private final PortIo ports;
  private final MsrAccesses msrs;
  private final Hypercalls hypercalls;
  private final RunExit exits;
  private final X86Statistics statistics;

  KvmInstructions(
      X86VcpuState state,
      X86HostInstructions instructions,
      PortIo ports,
      MsrAccesses msrs,
      Hypercalls hypercalls,
      RunExit exits,
      X86Statistics statistics) {
    this.state = state;
    this.instructions = instructions;
    this.ports = ports;
    this.msrs = msrs;
    this.hypercalls = hypercalls;
    this.exits = exits;
    this.statistics = statistics;
  }

  @Override
  public boolean performs(X86Instruction instruction) {
    return switch (instruction.instructionClass()) {
      case IN, OUT, INS, OUTS, RDMSR, WRMSR, VMCALL, VMMCALL, MONITOR, MWAIT, RDPMC -> true;
      case MOV_TO_CR -> instruction.reg() == CR8 && state.apic() == null;
      default -> false;
    };
  }

  @Override
  public VcpuExit perform(X86Instruction instruction) {
    switch (instruction.instructionClass()) {
      case IN, OUT, INS, OUTS -> {
        // PortIo counts those that the guest may execute.
      }
      case VMCALL -> statistics.hypercall();
      case RDMSR, WRMSR, MOV_TO_CR -> {
        if (state.core().cpl() == 0) {
          statistics.intercepted();
        }
      }
      default -> statistics.intercepted();
    }
    return switch (instruction.instructionClass()) {
      case RDMSR -> msrs.read(instruction);
      case WRMSR -> msrs.write(instruction);
      case MONITOR, MWAIT -> instructions.finish(instruction, monitorStatus());
      // There is no performance monitoring unit.
      case RDPMC -> instructions.finish(instruction, X86Vector.GENERAL_PROTECTION);
      case MOV_TO_CR -> moveToCr8(instruction);
      case VMCALL, VMMCALL -> hypercalls.perform(instruction);
      default -> ports.perform(instruction);
    };
  }

  /**
   * Without a local APIC in the kernel: user space hears when the priority falls (Linux v6.18
   * arch/x86/kvm/vmx/vmx.c, handle_cr, which looks at eight bits only).
   */
  private VcpuExit moveToCr8(X86Instruction instruction) {
    X86Core core = state.core();
    long before = core.cr8();
    long priority = core.gpr(instruction.rm()) & 0xff;
    if (core.cpl() != 0 || !ControlRegisterUnit.isLegalCr8(priority)) {
      return instructions.finish(instruction, X86Vector.GENERAL_PROTECTION);
    }
    core.setCr8(priority);
    VcpuExit exit = instructions.finish(instruction, UnitStatus.OK);
    if (before <= priority) {
      return exit;
    }
    exits.run().setExitReason(KvmRun.EXIT_SET_TPR);
    return VcpuExit.CLIENT;
  }

  /** MONITOR and MWAIT do nothing, also where CPUID does not show them (kvm_emulate_mwait). */
  private int monitorStatus() {
    boolean allowed =
        state.vm().hasQuirk(X86VmState.QUIRK_MWAIT_NEVER_UD) || state.cpuid().has(CpuFeature.MWAIT);
    return allowed && state.core().cpl() == 0 ? UnitStatus.OK : X86Vector.INVALID_OPCODE;
  }
}
