package dev.quire.kvm.x86;

import dev.quire.emulator.vcpu.x86.EngineMsrs;
import dev.quire.emulator.vcpu.x86.ModelSpecificRegisters;
import dev.quire.emulator.vcpu.x86.X86Vector;

/**
 * The model-specific registers of a KVM vCPU with KVM's rules (Linux v6.18 arch/x86/kvm/x86.c,
 * kvm_set_msr_common). As {@link ModelSpecificRegisters} it is the guest's RDMSR and WRMSR, without
 * the filter. VM thread only.
 */
public final class KvmMsrs implements ModelSpecificRegisters {
  private final EngineMsrs engine;
  private long value;

  KvmMsrs(EngineMsrs engine) {
    this.engine = engine;
  }

  /** For SYSCALL and SYSENTER. */
  public EngineMsrs engine() {
    return engine;
  }

  /** The guest's time-stamp counter. */
  public long tsc() {
    return 0;
  }

  @Override
  public int read(int msr) {
    return X86Vector.GENERAL_PROTECTION;
  }

  @Override
  public long value() {
    return value;
  }

  /** Whether the access that failed last was to a register that does not exist. */
  public boolean isUnknown() {
    return true;
  }

  @Override
  public int write(int msr, long newValue) {
    return X86Vector.GENERAL_PROTECTION;
  }
}
