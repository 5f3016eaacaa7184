package dev.quire.kvm.x86;

import dev.quire.kvm.fd.Caller;
import dev.quire.kvm.fd.SharedPages;
import dev.quire.kvm.vm.ArchVcpu;
import dev.quire.kvm.vm.ArchVm;
import dev.quire.kvm.vm.VmContext;
import dev.quire.kvm.vm.VmTime;
import java.util.ArrayList;
import java.util.List;

/** The x86 side of a VM. VM thread only. */
public final class X86Vm implements ArchVm {
  private final VmContext context;
  private final VmTime time = new VmTime();
  private final X86VmState state;
  private final List<X86Vcpu> vcpus = new ArrayList<>();

  X86Vm(VmContext context) {
    this.context = context;
    this.state = new X86VmState(context, time);
  }

  /** The generic part. */
  public VmContext context() {
    return context;
  }

  public VmTime time() {
    return time;
  }

  public X86VmState state() {
    return state;
  }

  @Override
  public ArchVcpu createVcpu(int id, SharedPages run) {
    X86Vcpu vcpu = new X86Vcpu(this, id, run);
    vcpus.add(vcpu);
    return vcpu;
  }

  /** What interrupts a new vCPU. */
  VcpuInterrupts interruptsOf(int id) {
    return new VcpuInterrupts();
  }

  void removed(X86Vcpu vcpu) {
    vcpus.remove(vcpu);
  }

  @Override
  public long error() {
    return 0;
  }

  @Override
  public long ioctl(Caller caller, int request, long argument) {
    return state.ioctl(caller, request, argument);
  }

  @Override
  public long checkExtension(long capability) {
    return state.checkExtension(capability);
  }

  @Override
  public long enableCapability(int capability, int flags, long[] arguments) {
    return state.enableCapability(capability, flags, arguments);
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
