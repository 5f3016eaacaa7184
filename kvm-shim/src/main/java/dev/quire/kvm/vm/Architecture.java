package dev.quire.kvm.vm;

import dev.quire.kvm.fd.Caller;

/** What differs between hosts of KVM: an x86-64 host or an arm64 host. Immutable. */
public interface Architecture {
  /** Whether KVM_CREATE_VM takes this type; else EINVAL. */
  boolean acceptsVmType(VmHost host, long type);

  /** A system ioctl of this architecture, or {@link ArchVcpu#UNKNOWN}. */
  long systemIoctl(Caller caller, int request, long argument);

  /** KVM_CHECK_EXTENSION of the architecture's capabilities, or {@link ArchVcpu#UNKNOWN}. */
  long checkExtension(long capability);

  /** Makes the architecture's side of a VM. */
  ArchVm createVm(VmContext vm, long type);
}
