package dev.quire.kvm.x86;

import dev.quire.kvm.fd.Caller;
import dev.quire.kvm.fd.SharedPages;
import dev.quire.kvm.vm.ArchVcpu;
import dev.quire.kvm.vm.ArchVm;
import dev.quire.kvm.vm.VmContext;

/** The x86 side of a VM. VM thread only. */
public final class X86Vm implements ArchVm {
  private final VmContext context;
  private long error;

  X86Vm(VmContext context) {
    this.context = context;
  }

  /** The generic part. */
  public VmContext context() {
    return context;
  }

  @Override
  public ArchVcpu createVcpu(int id, SharedPages run) {
    error = 0;
    return new X86Vcpu(this, id, run);
  }

  @Override
  public long error() {
    return error;
  }

  @Override
  public long ioctl(Caller caller, int request, long argument) {
    return ArchVcpu.UNKNOWN;
  }

  @Override
  public long checkExtension(long capability) {
    return ArchVcpu.UNKNOWN;
  }

  @Override
  public long enableCapability(int capability, int flags, long[] arguments) {
    return ArchVcpu.UNKNOWN;
  }

  @Override
  public void setInterruptLine(int gsi, boolean level) {
    // No interrupt controllers yet.
  }

  @Override
  public void injectInterrupt(int gsi) {
    // No interrupt controllers yet.
  }

  @Override
  public void close() {
    // vCPUs are closed by their files.
  }
}
