package dev.quire.kvm.x86;

import dev.quire.emulator.decode.X86Instruction;
import dev.quire.emulator.exec.X86Core;
import dev.quire.emulator.vcpu.VcpuExit;
import dev.quire.emulator.vcpu.x86.UnitStatus;
import dev.quire.emulator.vcpu.x86.X86EventDelivery;
import dev.quire.emulator.vcpu.x86.X86HostInstructions;
import dev.quire.emulator.vcpu.x86.X86Vector;

/**
 * The guest's RDMSR and WRMSR: the filter, KVM's registers, and user space where it asked to see
 * what would be a #GP (Linux v6.18 arch/x86/kvm/x86.c, kvm_emulate_rdmsr). VM thread only.
 */
final class MsrAccesses {
  private static final long LOW_32 = 0xffff_ffffL;

  // KVM_MSR_EXIT_REASON_.
  private static final int REASON_INVALID = 1;
  private static final int REASON_UNKNOWN = 2;
  private static final int REASON_FILTER = 4;

  private final X86Core core;
  private final X86VcpuState state;
  private final X86HostInstructions instructions;
  private final X86EventDelivery delivery;
  private final RunExit exits;
  private final GuestStops stops;
  private int instructionBytes;

  MsrAccesses(
      X86VcpuState state,
      X86HostInstructions instructions,
      X86EventDelivery delivery,
      RunExit exits,
      GuestStops stops) {
    this.core = state.core();
    this.state = state;
    this.instructions = instructions;
    this.delivery = delivery;
    this.exits = exits;
    this.stops = stops;
  }

  VcpuExit read(X86Instruction instruction) {
    if (core.cpl() != 0) {
      return generalProtection();
    }
    instructionBytes = instruction.length();
    int msr = (int) core.gpr(X86Core.RCX);
    int reason = REASON_FILTER;
    if (state.vm().msrFilter().allows(msr, MsrFilter.READ)) {
      if (state.msrs().read(msr) == UnitStatus.OK) {
        setResult(state.msrs().value());
        return finish();
      }
      reason = reasonOf();
    }
    return fail(false, reason, msr, 0);
  }

  VcpuExit write(X86Instruction instruction) {
    if (core.cpl() != 0) {
      return generalProtection();
    }
    instructionBytes = instruction.length();
    int msr = (int) core.gpr(X86Core.RCX);
    long value = core.gpr(X86Core.RDX) << 32 | core.gpr(X86Core.RAX) & LOW_32;
    int reason = REASON_FILTER;
    if (state.vm().msrFilter().allows(msr, MsrFilter.WRITE)) {
      if (state.msrs().write(msr, value) == UnitStatus.OK) {
        return finish();
      }
      reason = reasonOf();
    }
    return fail(true, reason, msr, value);
  }

  private int reasonOf() {
    return state.msrs().isUnknown() ? REASON_UNKNOWN : REASON_INVALID;
  }

  private VcpuExit fail(boolean write, int reason, int msr, long value) {
    if ((state.vm().userSpaceMsrs() & reason) == 0) {
      return generalProtection();
    }
    exits.run().exitMsr(write, reason, msr, value);
    exits.completeBy(() -> complete(write));
    return VcpuExit.CLIENT;
  }

  private boolean complete(boolean write) {
    if (exits.run().msrError()) {
      state.events().queueException(X86Vector.GENERAL_PROTECTION, true, 0);
      return true;
    }
    if (!write) {
      setResult(exits.run().msrData());
    }
    return finish() == null;
  }

  private void setResult(long value) {
    core.setGpr(X86Core.RAX, value & LOW_32);
    core.setGpr(X86Core.RDX, value >>> 32);
  }

  private VcpuExit finish() {
    instructions.stepBehind(instructionBytes);
    return stops.stepped();
  }

  private VcpuExit generalProtection() {
    return delivery.exception(X86Vector.GENERAL_PROTECTION, 0, 0);
  }
}
