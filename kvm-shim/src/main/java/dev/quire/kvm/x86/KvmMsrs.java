package dev.quire.kvm.x86;

import dev.quire.emulator.vcpu.x86.CpuidTable;
import dev.quire.emulator.vcpu.x86.EngineMsrs;
import dev.quire.emulator.vcpu.x86.ModelSpecificRegisters;
import dev.quire.emulator.vcpu.x86.MtrrLayout;
import dev.quire.emulator.vcpu.x86.UnitStatus;
import dev.quire.emulator.vcpu.x86.X86Msr;
import dev.quire.emulator.vcpu.x86.X86Vector;
import dev.quire.mmu.x86.Efer;
import dev.quire.mmu.x86.RegisterWrite;

/**
 * The model-specific registers of a KVM vCPU with KVM's rules (Linux v6.18 arch/x86/kvm/x86.c,
 * kvm_set_msr_common; vmx/vmx.c, vmx_set_msr). User space may do more than the guest. As {@link
 * ModelSpecificRegisters} it is the guest's RDMSR and WRMSR, without the filter. VM thread only.
 */
public final class KvmMsrs implements ModelSpecificRegisters {
  /** An access succeeds. */
  static final int DONE = 0;

  /** #GP for the guest; user space's list ends here. */
  static final int REFUSED = 1;

  /** KVM_MSR_RET_UNSUPPORTED: a register KVM does not have. */
  static final int UNSUPPORTED = 2;

  private final X86VcpuState vcpu;
  private final EngineMsrs engine;
  private final TimeStampCounter counter;
  private final MtrrState mtrrs = new MtrrState();
  private final MachineCheck machineCheck = new MachineCheck();
  private final ParavirtualMsrs paravirtual;
  private long microcode = MsrNumbers.MICROCODE_RESET;
  private long archCapabilities = FeatureMsrs.ARCH_CAPABILITIES_VALUE;
  private long platformInfo = FeatureMsrs.PLATFORM_INFO_VALUE;
  private long miscEnable = MsrNumbers.MISC_ENABLE_RESET;
  private long featureControl;
  private long powerControl;
  private long featuresEnabled;
  private long hardwareConfiguration;
  private long smiCount;
  private long value;
  private boolean unknown;

  KvmMsrs(X86VcpuState vcpu, EngineMsrs engine) {
    this.vcpu = vcpu;
    this.engine = engine;
    this.counter = new TimeStampCounter(vcpu.vm());
    this.paravirtual = new ParavirtualMsrs(vcpu, counter);
  }

  /** For SYSCALL and SYSENTER. */
  public EngineMsrs engine() {
    return engine;
  }

  /** The guest's time-stamp counter. */
  public long tsc() {
    return counter.now();
  }

  TimeStampCounter counter() {
    return counter;
  }

  MachineCheck machineCheck() {
    return machineCheck;
  }

  ParavirtualMsrs paravirtual() {
    return paravirtual;
  }

  long miscEnable() {
    return miscEnable;
  }

  @Override
  public int read(int msr) {
    return answer(get(msr, false));
  }

  private int answer(int status) {
    unknown = status == UNSUPPORTED;
    return status == DONE ? UnitStatus.OK : X86Vector.GENERAL_PROTECTION;
  }

  @Override
  public long value() {
    return value;
  }

  /** Whether the access that failed last was to a register that does not exist. */
  public boolean isUnknown() {
    return unknown;
  }

  @Override
  public int write(int msr, long newValue) {
    return answer(set(msr, newValue, false));
  }

  /** A read by user space into {@link #value}: whether it succeeds (do_get_msr). */
  boolean readByHost(int msr) {
    int status = get(msr, true);
    if (status != DONE) {
      value = 0;
    }
    return status == DONE || status == UNSUPPORTED && MsrLists.isAdvertised(msr);
  }

  /** A write by user space (do_set_msr). */
  boolean writeByHost(int msr, long newValue) {
    if (vcpu.hasRun() && FeatureMsrs.isImmutable(msr)) {
      return readByHost(msr) && value == newValue;
    }
    int status = set(msr, newValue, true);
    return status == DONE || status == UNSUPPORTED && newValue == 0 && MsrLists.isAdvertised(msr);
  }

  private int get(int msr, boolean host) {
    switch (msr) {
      case X86Msr.TSC_AUX -> {
        if (!host && !hasTscAux()) {
          return REFUSED;
        }
        value = engine.engineMsr(msr);
      }
      case X86Msr.EFER -> value = vcpu.efer();
      case X86Msr.STAR,
          X86Msr.LSTAR,
          X86Msr.CSTAR,
          X86Msr.FMASK,
          X86Msr.FS_BASE,
          X86Msr.GS_BASE,
          X86Msr.KERNEL_GS_BASE,
          X86Msr.SYSENTER_CS,
          X86Msr.SYSENTER_ESP,
          X86Msr.SYSENTER_EIP ->
          value = engine.engineMsr(msr);
      case X86Msr.TSC -> value = counter.now();
      case MsrNumbers.TSC_ADJUST -> value = counter.adjust();
      case X86Msr.APIC_BASE -> value = vcpu.apicBase();
      case X86Msr.TSC_DEADLINE -> value = vcpu.apic() == null ? 0 : vcpu.apic().tscDeadline();
      case X86Msr.PAT -> value = vcpu.mmu().registers().pat();
      case X86Msr.MISC_ENABLE -> value = miscEnable;
      case X86Msr.FEATURE_CONTROL -> value = featureControl;
      case X86Msr.BIOS_UPDATE_ID -> value = microcode;
      case X86Msr.DEBUG_CONTROL, MsrNumbers.SPEC_CTRL -> {
        value = 0;
        return msr == X86Msr.DEBUG_CONTROL || host ? DONE : REFUSED;
      }
      case MsrNumbers.ARCH_CAPABILITIES -> {
        value = archCapabilities;
        return vcpu.cpuid().has(CpuFeature.ARCH_CAPABILITIES) ? DONE : UNSUPPORTED;
      }
      case X86Msr.PLATFORM_INFO -> {
        value = platformInfo;
        return host || vcpu.vm().guestReadsPlatformInfo() ? DONE : REFUSED;
      }
      case X86Msr.PERF_STATUS -> value = MsrNumbers.PERF_STATUS_VALUE;
      case MsrNumbers.POWER_CTL -> value = powerControl;
      case MsrNumbers.MISC_FEATURES_ENABLES -> value = featuresEnabled;
      case MsrNumbers.K7_HWCR -> value = hardwareConfiguration;
      case MsrNumbers.SMI_COUNT -> value = smiCount;
      case MsrNumbers.SMBASE -> {
        return REFUSED;
      }
      default -> {
        return getOther(msr, host);
      }
    }
    return DONE;
  }

  private int getOther(int msr, boolean host) {
    if (MtrrLayout.contains(msr)) {
      value = mtrrs.read(msr);
      return DONE;
    }
    if (MachineCheck.contains(msr)) {
      boolean done = machineCheck.read(msr, host);
      value = machineCheck.value();
      return done ? DONE : REFUSED;
    }
    if (MsrNumbers.isX2Apic(msr)) {
      if (!isX2Apic() || !vcpu.apic().readMsr(msr)) {
        return REFUSED;
      }
      value = vcpu.apic().value();
      return DONE;
    }
    if (ParavirtualMsrs.contains(msr)) {
      int status = paravirtual.get(msr);
      value = paravirtual.value();
      return status;
    }
    if (!MsrNumbers.isConstant(msr)) {
      return UNSUPPORTED;
    }
    value = MsrNumbers.constant(msr);
    return DONE;
  }

  private int set(int msr, long data, boolean host) {
    switch (msr) {
      case X86Msr.LSTAR, X86Msr.CSTAR, X86Msr.FS_BASE, X86Msr.GS_BASE, X86Msr.KERNEL_GS_BASE -> {
        if (canonical(data) != data) {
          return REFUSED;
        }
        engine.setEngineMsr(msr, data);
      }
      case X86Msr.SYSENTER_ESP, X86Msr.SYSENTER_EIP -> engine.setEngineMsr(msr, canonical(data));
      case X86Msr.STAR, X86Msr.FMASK -> engine.setEngineMsr(msr, data);
      case X86Msr.SYSENTER_CS -> engine.setEngineMsr(msr, data & 0xffff_ffffL);
      case X86Msr.TSC_AUX -> {
        boolean there = host || hasTscAux();
        if (!there || !vcpu.cpuid().isAmd() && data >>> Integer.SIZE != 0) {
          return REFUSED;
        }
        engine.setEngineMsr(msr, data & 0xffff_ffffL);
      }
      case X86Msr.EFER -> {
        return setEfer(data, host);
      }
      case X86Msr.TSC -> {
        if (host) {
          counter.synchronize(data, true);
        } else {
          counter.write(data);
        }
      }
      case MsrNumbers.TSC_ADJUST -> setTscAdjust(data, host);
      case X86Msr.APIC_BASE -> {
        return vcpu.setApicBase(data, host) ? DONE : REFUSED;
      }
      case X86Msr.TSC_DEADLINE -> {
        if (vcpu.apic() != null) {
          vcpu.apic().setTscDeadline(data);
        }
      }
      case X86Msr.PAT -> {
        return vcpu.mmu().control().writePat(data) == RegisterWrite.DONE ? DONE : REFUSED;
      }
      case X86Msr.MISC_ENABLE -> {
        return setMiscEnable(data, host);
      }
      default -> {
        return setOther(msr, data, host);
      }
    }
    return DONE;
  }

  private int setOther(int msr, long data, boolean host) {
    switch (msr) {
      case X86Msr.FEATURE_CONTROL -> {
        boolean locked = (featureControl & 1) != 0;
        long valid = host ? MsrNumbers.FEATURE_CONTROL_VALID : 1;
        if (!host && locked || (data & ~valid) != 0) {
          return REFUSED;
        }
        featureControl = data;
      }
      case X86Msr.BIOS_UPDATE_ID -> microcode = host ? data : microcode;
      case X86Msr.DEBUG_CONTROL -> {
        // BTF and LBR are dropped, as KVM does without a PMU.
        return (data & ~3L) == 0 ? DONE : REFUSED;
      }
      case MsrNumbers.SPEC_CTRL, MsrNumbers.PRED_CMD, MsrNumbers.FLUSH_CMD -> {
        return host && data == 0 ? DONE : REFUSED;
      }
      case MsrNumbers.ARCH_CAPABILITIES -> {
        if (!host || !vcpu.cpuid().has(CpuFeature.ARCH_CAPABILITIES)) {
          return UNSUPPORTED;
        }
        archCapabilities = data;
      }
      case X86Msr.PLATFORM_INFO -> {
        if (!host) {
          return REFUSED;
        }
        platformInfo = data;
      }
      case MsrNumbers.POWER_CTL -> powerControl = data;
      case MsrNumbers.MISC_FEATURES_ENABLES -> {
        boolean faults = (platformInfo & FeatureMsrs.PLATFORM_INFO_VALUE) != 0;
        if ((data & ~1L) != 0 || data != 0 && !faults) {
          return REFUSED;
        }
        featuresEnabled = data;
      }
      case MsrNumbers.K7_HWCR -> {
        long kept = data & ~MsrNumbers.HWCR_IGNORED;
        if ((kept & ~MsrNumbers.HWCR_KEPT) != 0) {
          return REFUSED;
        }
        hardwareConfiguration = kept;
      }
      case MsrNumbers.SMI_COUNT -> {
        if (!host) {
          return REFUSED;
        }
        smiCount = data;
      }
      case MsrNumbers.SMBASE -> {
        return REFUSED;
      }
      default -> {
        return setGroup(msr, data, host);
      }
    }
    return DONE;
  }

  private int setGroup(int msr, long data, boolean host) {
    if (MtrrLayout.contains(msr)) {
      return mtrrs.write(msr, data, vcpu.cpuid().reservedGpaBits()) ? DONE : REFUSED;
    }
    if (MachineCheck.contains(msr)) {
      return machineCheck.write(msr, data, host) ? DONE : REFUSED;
    }
    if (MsrNumbers.isX2Apic(msr)) {
      return isX2Apic() && vcpu.apic().writeMsr(msr, data) ? DONE : REFUSED;
    }
    if (ParavirtualMsrs.contains(msr)) {
      return paravirtual.set(msr, data);
    }
    if (msr == MsrNumbers.MMIO_CONF_BASE) {
      return data == 0 ? DONE : REFUSED;
    }
    return MsrNumbers.ignoresWrites(msr) ? DONE : UNSUPPORTED;
  }

  private boolean isX2Apic() {
    return vcpu.apic() != null && (vcpu.apicBase() & X86VcpuState.X2APIC_ENABLE) != 0;
  }

  private boolean hasTscAux() {
    return vcpu.cpuid().has(CpuFeature.RDTSCP) || vcpu.cpuid().has(CpuFeature.RDPID);
  }

  private int setEfer(long data, boolean host) {
    if ((data & ~Efer.SUPPORTED) != 0) {
      return REFUSED;
    }
    GuestCpuid cpuid = vcpu.cpuid();
    boolean paging = (vcpu.core().cr0() & 1L << 31) != 0;
    if (!host) {
      boolean hasLong = cpuid.has(CpuFeature.LM) || (data & (Efer.LME | Efer.LMA)) == 0;
      boolean hasNx = cpuid.has(CpuFeature.NX) || (data & Efer.NXE) == 0;
      if (!hasLong || !hasNx || paging && ((vcpu.efer() ^ data) & Efer.LME) != 0) {
        return REFUSED;
      }
    }
    vcpu.setEfer(data & ~Efer.LMA | vcpu.efer() & Efer.LMA);
    return DONE;
  }

  private void setTscAdjust(long data, boolean host) {
    if (vcpu.cpuid().has(CpuFeature.TSC_ADJUST)) {
      if (host) {
        counter.restoreAdjust(data);
      } else {
        counter.adjustTo(data);
      }
    }
  }

  private int setMiscEnable(long data, boolean host) {
    long wanted = data;
    if (!host) {
      if (((miscEnable ^ data) & MsrNumbers.MISC_ENABLE_READ_ONLY) != 0) {
        return REFUSED;
      }
      wanted = data & ~MsrNumbers.MISC_ENABLE_EMON | miscEnable & MsrNumbers.MISC_ENABLE_EMON;
    }
    boolean changesMwait = ((miscEnable ^ wanted) & MsrNumbers.MISC_ENABLE_MWAIT) != 0;
    if (changesMwait
        && !vcpu.vm().hasQuirk(X86VmState.QUIRK_MISC_ENABLE_NO_MWAIT)
        && !vcpu.cpuid().has(CpuFeature.SSE3)) {
      return REFUSED;
    }
    miscEnable = wanted;
    return DONE;
  }

  /** The value with the bits above the linear width copied from its top bit. */
  private static long canonical(long linear) {
    int unused = Long.SIZE - CpuidTable.LINEAR_ADDRESS_BITS;
    return linear << unused >> unused;
  }
}
