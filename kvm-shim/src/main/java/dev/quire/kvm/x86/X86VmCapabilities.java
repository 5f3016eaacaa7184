package dev.quire.kvm.x86;

import dev.quire.kernel.mm.Errno;
import dev.quire.kvm.abi.Capabilities;
import dev.quire.kvm.vm.ArchVcpu;

/**
 * Capabilities enabled on an x86 VM (Linux v6.18 arch/x86/kvm/x86.c, kvm_vm_ioctl_enable_cap). VM
 * thread only.
 */
final class X86VmCapabilities {
  private static final int MAX_IRQ_ROUTES = 4096;
  private static final long MSR_EXIT_REASONS = 7;
  private static final long X2APIC_USE_32BIT_IDS = 1;
  private static final long X2APIC_DISABLE_SUPPRESS = 8;
  private static final long APIC_DIVIDED_MAX = 0xffff_ffffL * 128;
  private static final long BUS_LOCK_MODES = 3;

  private final X86VmState vm;
  private long disabledQuirks;
  private int userSpaceMsrs;
  private int disabledExits;
  private long exitingHypercalls;
  private int maxVcpuIds;
  private long apicBusCycleNanos = 1;
  private boolean exceptionPayload;
  private boolean tripleFaultEvent;
  private boolean emulationFailureExit;
  private boolean platformInfo = true;
  private boolean wideApicIds;

  X86VmCapabilities(X86VmState vm) {
    this.vm = vm;
  }

  int userSpaceMsrs() {
    return userSpaceMsrs;
  }

  int disabledExits() {
    return disabledExits;
  }

  long exitingHypercalls() {
    return exitingHypercalls;
  }

  /** 0 without a limit. */
  int maxVcpuIds() {
    return maxVcpuIds;
  }

  long apicBusCycleNanos() {
    return apicBusCycleNanos;
  }

  boolean hasExceptionPayload() {
    return exceptionPayload;
  }

  boolean hasTripleFaultEvent() {
    return tripleFaultEvent;
  }

  boolean exitsOnEmulationFailure() {
    return emulationFailureExit;
  }

  boolean guestReadsPlatformInfo() {
    return platformInfo;
  }

  boolean hasWideApicIds() {
    return wideApicIds;
  }

  boolean hasQuirk(int quirk) {
    return (disabledQuirks & quirk) == 0;
  }

  /** KVM_ENABLE_CAP: 0, -errno or {@link ArchVcpu#UNKNOWN}. */
  long enable(int capability, int flags, long[] arguments) {
    if (flags != 0) {
      return -Errno.EINVAL;
    }
    long value = arguments[0];
    switch (capability) {
      case Capabilities.DISABLE_QUIRKS2 -> {
        if ((value & ~X86Capabilities.QUIRKS) != 0) {
          return -Errno.EINVAL;
        }
        disabledQuirks |= value;
      }
      case Capabilities.DISABLE_QUIRKS -> disabledQuirks |= value & X86Capabilities.QUIRKS;
      case Capabilities.SPLIT_IRQCHIP -> {
        return splitIrqchip(value);
      }
      case Capabilities.X2APIC_API -> {
        return x2ApicApi(value);
      }
      case Capabilities.X86_DISABLE_EXITS -> {
        return disableExits(value);
      }
      case Capabilities.MSR_PLATFORM_INFO -> platformInfo = value != 0;
      case Capabilities.EXCEPTION_PAYLOAD -> exceptionPayload = value != 0;
      case Capabilities.X86_TRIPLE_FAULT_EVENT -> tripleFaultEvent = value != 0;
      case Capabilities.X86_USER_SPACE_MSR -> {
        if ((value & ~MSR_EXIT_REASONS) != 0) {
          return -Errno.EINVAL;
        }
        userSpaceMsrs = (int) value;
      }
      case Capabilities.EXIT_HYPERCALL -> {
        if ((value & ~X86Capabilities.EXITING_HYPERCALLS) != 0) {
          return -Errno.EINVAL;
        }
        exitingHypercalls = value;
      }
      case Capabilities.EXIT_ON_EMULATION_FAILURE -> {
        if ((value & ~1) != 0) {
          return -Errno.EINVAL;
        }
        emulationFailureExit = value != 0;
      }
      case Capabilities.X86_BUS_LOCK_EXIT -> {
        // No bus locks are detected: off, or on without effect, as on a host that cannot.
        return (value & ~BUS_LOCK_MODES) != 0 || value == BUS_LOCK_MODES ? -Errno.EINVAL : 0;
      }
      case Capabilities.MAX_VCPU_ID -> {
        return limitVcpuIds(value);
      }
      case Capabilities.VM_DISABLE_NX_HUGE_PAGES -> {
        return value != 0 || vm.createdVcpus() != 0 ? -Errno.EINVAL : 0;
      }
      case Capabilities.X86_APIC_BUS_CYCLES_NS -> {
        return setApicBusCycle(value);
      }
      default -> {
        return ArchVcpu.UNKNOWN;
      }
    }
    return 0;
  }

  private long splitIrqchip(long pins) {
    if (Long.compareUnsigned(pins, MAX_IRQ_ROUTES) > 0) {
      return -Errno.EINVAL;
    }
    if (vm.irqchip() != X86VmState.Irqchip.NONE || vm.createdVcpus() != 0) {
      return -Errno.EEXIST;
    }
    vm.setIrqchip(X86VmState.Irqchip.SPLIT);
    return 0;
  }

  private long x2ApicApi(long flags) {
    long suppress = X86Capabilities.X2APIC_SUPPRESS_EOI_BROADCAST;
    boolean suppresses = (flags & suppress) != 0;
    if ((flags & ~X86Capabilities.X2APIC_FLAGS) != 0
        || suppresses && (flags & X2APIC_DISABLE_SUPPRESS) != 0
        || suppresses && vm.irqchip() != X86VmState.Irqchip.SPLIT) {
      return -Errno.EINVAL;
    }
    wideApicIds |= (flags & X2APIC_USE_32BIT_IDS) != 0;
    return 0;
  }

  private long disableExits(long exits) {
    if ((exits & ~X86Capabilities.DISABLED_EXITS) != 0 || vm.createdVcpus() != 0) {
      return -Errno.EINVAL;
    }
    disabledExits |= (int) exits;
    return 0;
  }

  /** With the first vCPU the limit is settled, by then KVM's own unless one was set. */
  int settleMaxVcpuIds() {
    if (maxVcpuIds == 0) {
      maxVcpuIds = X86Capabilities.MAX_VCPU_IDS;
    }
    return maxVcpuIds;
  }

  private long limitVcpuIds(long limit) {
    boolean legal = Long.compareUnsigned(limit, X86Capabilities.MAX_VCPU_IDS) <= 0;
    if (!legal || vm.bootCpu() > limit || maxVcpuIds != 0 && maxVcpuIds != limit) {
      return -Errno.EINVAL;
    }
    maxVcpuIds = (int) limit;
    return 0;
  }

  private long setApicBusCycle(long nanos) {
    if (nanos == 0 || Math.unsignedMultiplyHigh(APIC_DIVIDED_MAX, nanos) != 0) {
      return -Errno.EINVAL;
    }
    if (vm.irqchip() == X86VmState.Irqchip.NONE) {
      return -Errno.ENXIO;
    }
    if (vm.createdVcpus() != 0) {
      return -Errno.EINVAL;
    }
    apicBusCycleNanos = nanos;
    return 0;
  }
}
