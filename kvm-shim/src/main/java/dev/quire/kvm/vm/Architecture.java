package dev.quire.kvm.vm;

import dev.quire.kvm.fd.Caller;
import dev.quire.mmu.PteFormat;

/** What differs between hosts of KVM: an x86-64 host or an arm64 host. Immutable. */
public interface Architecture {
  /** Whether KVM_CREATE_VM takes this type; else EINVAL. */
  boolean acceptsVmType(VmHost host, long type);

  /** A system ioctl of this architecture, or {@link ArchVcpu#UNKNOWN}. */
  long systemIoctl(Caller caller, int request, long argument);

  /** KVM_CHECK_EXTENSION of the architecture's capabilities, or {@link ArchVcpu#UNKNOWN}. */
  long checkExtension(long capability);

  /** What the generic part has to know of such a host. */
  HostTraits traits();

  /** The format of second-stage tables of a VM of this type. */
  PteFormat stage2Format(long type);

  /** Width of a guest-physical address of a VM of this type, in bits. */
  int physicalBits(long type);

  /** What KVM_GET_STATS_FD of a VM tells, {@link StatisticsLayout#GENERIC_VM} first. */
  default StatisticsLayout vmStatistics() {
    return StatisticsLayout.GENERIC_VM;
  }

  /** What KVM_GET_STATS_FD of a vCPU tells, {@link StatisticsLayout#GENERIC_VCPU} first. */
  default StatisticsLayout vcpuStatistics() {
    return StatisticsLayout.GENERIC_VCPU;
  }

  /**
   * Makes the architecture's side of a VM. One whose memory can be private says so to {@link
   * VmContext#stage2}.
   */
  ArchVm createVm(VmContext vm, long type);
}
