package dev.quire.kvm.vm;

import dev.quire.kvm.fd.Descriptor;

/** A file that belongs to a VM and keeps it alive. On the VM's thread. */
public abstract class VmDescriptor extends Descriptor {
  private final Vm vm;

  VmDescriptor(Vm vm) {
    this.vm = vm;
    vm.get();
  }

  final Vm vm() {
    return vm;
  }

  /** The host the VM stands on. */
  public final VmHost host() {
    return vm.host();
  }

  @Override
  protected void released() {
    vm.put();
  }
}
