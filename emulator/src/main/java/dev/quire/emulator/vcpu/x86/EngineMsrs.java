package dev.quire.emulator.vcpu.x86;

import dev.quire.bindings.UcX86State.MsrField;
import dev.quire.emulator.exec.X86Core;
import dev.quire.mmu.x86.RegisterWrite;
import dev.quire.mmu.x86.X86Mmu;

/** The model-specific registers inside a core, and EFER, which the MMU judges. vCPU's thread. */
public final class EngineMsrs implements EngineMsrPort {
  private final X86Core core;
  private final X86Mmu mmu;

  public EngineMsrs(X86Core core, X86Mmu mmu) {
    this.core = core;
    this.mmu = mmu;
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
    if (mmu.control().writeEfer(value) != RegisterWrite.DONE) {
      return false;
    }
    core.loadControlRegisters(mmu.registers());
    return true;
  }
}
