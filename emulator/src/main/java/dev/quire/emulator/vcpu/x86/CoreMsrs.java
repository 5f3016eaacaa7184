package dev.quire.emulator.vcpu.x86;

import dev.quire.bindings.UcX86State.MsrField;
import dev.quire.emulator.device.VirtualClock;
import dev.quire.emulator.device.x86.LocalApic;
import dev.quire.emulator.exec.X86Core;
import dev.quire.mmu.x86.RegisterWrite;
import dev.quire.mmu.x86.X86Mmu;

/** Where the model-specific registers of one vCPU live. Machine thread only. */
public final class CoreMsrs implements X86MsrPort {
  private final X86Core core;
  private final X86Mmu mmu;
  private final LocalApic apic;
  private final VirtualClock clock;
  private long tscOffset;

  public CoreMsrs(X86Core core, X86Mmu mmu, LocalApic apic, VirtualClock clock) {
    this.core = core;
    this.mmu = mmu;
    this.apic = apic;
    this.clock = clock;
  }

  @Override
  public long engineMsr(int msr) {
    return switch (msr) {
      case X86Msr.FS_BASE -> core.segmentBase(X86Core.FS);
      case X86Msr.GS_BASE -> core.segmentBase(X86Core.GS);
      case X86Msr.EFER -> core.efer();
      default -> core.msr(field(msr));
    };
  }

  @Override
  public void setEngineMsr(int msr, long value) {
    switch (msr) {
      case X86Msr.FS_BASE -> core.setSegmentBase(X86Core.FS, value);
      case X86Msr.GS_BASE -> core.setSegmentBase(X86Core.GS, value);
      default -> core.setMsr(field(msr), value);
    }
  }

  private static MsrField field(int msr) {
    for (MsrField field : MsrField.values()) {
      if (field.msr() == msr) {
        return field;
      }
    }
    throw new IllegalArgumentException("MSR 0x%x is not a field of the core".formatted(msr));
  }

  @Override
  public boolean writeEfer(long value) {
    if (mmu.writeEfer(value) != RegisterWrite.DONE) {
      return false;
    }
    core.loadControlRegisters(mmu.registers());
    return true;
  }

  @Override
  public long tsc() {
    return clock.nowNanos() + tscOffset;
  }

  @Override
  public void writeTsc(long value) {
    tscOffset = value - clock.nowNanos();
    apic.setTscOffset(tscOffset);
  }

  /** TSC less virtual time. */
  public long tscOffset() {
    return tscOffset;
  }

  /** Puts {@link #tscOffset} back; the local APIC keeps its own. */
  public void restoreTscOffset(long offset) {
    tscOffset = offset;
  }

  @Override
  public long apicBase() {
    return apic.apicBase();
  }

  @Override
  public boolean writeApicBase(long value) {
    return apic.setApicBase(value);
  }

  @Override
  public long tscDeadline() {
    return apic.tscDeadline();
  }

  @Override
  public void writeTscDeadline(long value) {
    apic.setTscDeadline(value);
  }
}
