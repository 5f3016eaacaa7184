package dev.quire.kvm.x86;

import dev.quire.kvm.fd.Caller;
import dev.quire.kvm.vm.ArchVcpu;
import dev.quire.kvm.vm.ArchVm;
import dev.quire.kvm.vm.Architecture;
import dev.quire.kvm.vm.VmContext;
import dev.quire.kvm.vm.VmHost;

/** An x86-64 host of KVM with VMX. Immutable. */
public final class X86Architecture implements Architecture {
  /** KVM_X86_DEFAULT_VM, the only type without software-protected VMs. */
  private static final long DEFAULT_VM = 0;

  @Override
  public boolean acceptsVmType(VmHost host, long type) {
    return type == DEFAULT_VM;
  }

  @Override
  public long systemIoctl(Caller caller, int request, long argument) {
    return ArchVcpu.UNKNOWN;
  }

  @Override
  public long checkExtension(long capability) {
    return ArchVcpu.UNKNOWN;
  }

  @Override
  public ArchVm createVm(VmContext vm, long type) {
    return new X86Vm(vm);
  }
}
