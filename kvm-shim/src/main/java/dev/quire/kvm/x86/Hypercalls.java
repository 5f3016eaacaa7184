package dev.quire.kvm.x86;

import dev.quire.emulator.decode.X86Instruction;
import dev.quire.emulator.decode.X86InstructionClass;
import dev.quire.emulator.exec.X86Core;
import dev.quire.emulator.vcpu.VcpuExit;
import dev.quire.emulator.vcpu.x86.LinearMemory;
import dev.quire.emulator.vcpu.x86.X86EventDelivery;
import dev.quire.emulator.vcpu.x86.X86HostInstructions;
import dev.quire.emulator.vcpu.x86.X86Vector;
import dev.quire.mmu.x86.Efer;

/**
 * VMCALL, and VMMCALL which KVM on Intel rewrites to it (Linux v6.18 arch/x86/kvm/x86.c,
 * ____kvm_emulate_hypercall, emulator_fix_hypercall; include/uapi/linux/kvm_para.h). VM thread
 * only.
 */
final class Hypercalls {
  private static final int HC_VAPIC_POLL_IRQ = 1;
  private static final int HC_MAP_GPA_RANGE = 12;
  private static final long KVM_ENOSYS = 1000;
  private static final long EPERM = 1;
  private static final long EINVAL = 22;
  private static final long LONG_MODE = 1;
  private static final int VMCALL_BYTES = 3;
  private static final int VMCALL = 0xc1010f;
  private static final long LOW_32 = 0xffff_ffffL;
  private static final int PAGE_SHIFT = 12;
  private static final int LONG_CODE = 1 << 21;

  private final X86Core core;
  private final X86VcpuState state;
  private final LinearMemory memory;
  private final X86HostInstructions instructions;
  private final X86EventDelivery delivery;
  private final RunExit exits;
  private final GuestStops stops;
  private final long[] arguments = new long[3];

  Hypercalls(
      X86VcpuState state,
      LinearMemory memory,
      X86HostInstructions instructions,
      X86EventDelivery delivery,
      RunExit exits,
      GuestStops stops) {
    this.core = state.core();
    this.state = state;
    this.memory = memory;
    this.instructions = instructions;
    this.delivery = delivery;
    this.exits = exits;
    this.stops = stops;
  }

  VcpuExit perform(X86Instruction instruction) {
    if (instruction.instructionClass() == X86InstructionClass.VMMCALL) {
      return rewrite();
    }
    boolean wide = isLongMode();
    long mask = wide ? -1L : LOW_32;
    long number = core.gpr(X86Core.RAX) & mask;
    if (core.cpl() != 0) {
      return answer(-EPERM, wide);
    }
    if (number == HC_VAPIC_POLL_IRQ) {
      return answer(0, wide);
    }
    if (number != HC_MAP_GPA_RANGE || (state.vm().hypercallExits() >>> number & 1) == 0) {
      return answer(-KVM_ENOSYS, wide);
    }
    long gpa = core.gpr(X86Core.RBX) & mask;
    long pages = core.gpr(X86Core.RCX) & mask;
    long gfn = gpa >>> PAGE_SHIFT;
    boolean aligned = (gpa & (1L << PAGE_SHIFT) - 1) == 0;
    if (!aligned || pages == 0 || Long.compareUnsigned(gfn + pages, gfn) <= 0) {
      return answer(-EINVAL, wide);
    }
    arguments[0] = gpa;
    arguments[1] = pages;
    arguments[2] = core.gpr(X86Core.RDX) & mask;
    exits.run().exitHypercall(number, arguments, wide ? LONG_MODE : 0);
    exits.completeBy(() -> answer(exits.run().hypercallResult(), wide) == null);
    return VcpuExit.CLIENT;
  }

  private boolean isLongMode() {
    boolean longCode = (core.segmentAttributes(X86Core.CS) & LONG_CODE) != 0;
    return (core.efer() & Efer.LMA) != 0 && longCode;
  }

  private VcpuExit answer(long result, boolean wide) {
    core.setGpr(X86Core.RAX, wide ? result : result & LOW_32);
    instructions.stepBehind(VMCALL_BYTES);
    return stops.stepped();
  }

  private VcpuExit rewrite() {
    if (!state.vm().rewritesHypercalls()) {
      return delivery.exception(X86Vector.INVALID_OPCODE, 0, 0);
    }
    return switch (memory.write(core.linearPc(), VMCALL_BYTES, VMCALL, 0)) {
      case LinearMemory.OK -> null;
      case LinearMemory.NEEDS_HOST -> delivery.resolve("a hypercall");
      case LinearMemory.PAGE_FAULT ->
          delivery.exception(X86Vector.PAGE_FAULT, memory.pageFaultErrorCode(), memory.cr2());
      default -> delivery.exception(X86Vector.GENERAL_PROTECTION, 0, 0);
    };
  }
}
