package dev.quire.kvm.x86;

import dev.quire.kvm.fd.Caller;
import dev.quire.kvm.fd.SharedPages;
import dev.quire.kvm.vm.ArchVcpu;
import dev.quire.kvm.vm.RunCall;

/** The x86 side of a vCPU. VM thread only. */
public final class X86Vcpu implements ArchVcpu {
  private final X86Vm vm;
  private final int id;
  private final SharedPages run;

  X86Vcpu(X86Vm vm, int id, SharedPages run) {
    this.vm = vm;
    this.id = id;
    this.run = run;
  }

  public X86Vm vm() {
    return vm;
  }

  public int id() {
    return id;
  }

  /** kvm_run, the PIO page and the coalesced ring. */
  public SharedPages runPages() {
    return run;
  }

  @Override
  public long ioctl(Caller caller, int request, long argument) {
    return UNKNOWN;
  }

  @Override
  public RunCall run() {
    throw new UnsupportedOperationException("KVM_RUN");
  }

  @Override
  public void close() {
    // Nothing held yet.
  }
}
