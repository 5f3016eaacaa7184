package dev.quire.kvm.x86;

import dev.quire.emulator.vcpu.x86.X86Processor;
import dev.quire.kvm.fd.Caller;
import dev.quire.kvm.vm.ArchVm;
import dev.quire.kvm.vm.Architecture;
import dev.quire.kvm.vm.HostTraits;
import dev.quire.kvm.vm.StatisticsLayout;
import dev.quire.kvm.vm.VmContext;
import dev.quire.kvm.vm.VmHost;
import dev.quire.mmu.PteFormat;
import dev.quire.mmu.x86.EptEntry;

/** An x86-64 host of KVM with VMX. Immutable. */
public final class X86Architecture implements Architecture {
  /** KVM_X86_DEFAULT_VM, the only type without software-protected VMs. */
  private static final long DEFAULT_VM = 0;

  /** What guest-physical addresses slots may have (kvm_mmu_max_gfn). */
  private static final int PHYSICAL_BITS = 52;

  /** How the second stage of a VM is walked: five levels, as on hardware that has them. */
  static final X86Processor.Ept EPT = new X86Processor.Ept(5, PHYSICAL_BITS);

  @Override
  public boolean acceptsVmType(VmHost host, long type) {
    return type == DEFAULT_VM;
  }

  @Override
  public long systemIoctl(Caller caller, int request, long argument) {
    return X86System.ioctl(caller, request, argument);
  }

  @Override
  public long checkExtension(long capability) {
    return X86System.checkExtension(capability);
  }

  @Override
  public HostTraits traits() {
    return HostTraits.X86_64;
  }

  @Override
  public PteFormat stage2Format(long type) {
    return EptEntry.FIVE_LEVEL;
  }

  @Override
  public int physicalBits(long type) {
    return PHYSICAL_BITS;
  }

  @Override
  public StatisticsLayout vmStatistics() {
    return X86Statistics.VM;
  }

  @Override
  public StatisticsLayout vcpuStatistics() {
    return X86Statistics.VCPU;
  }

  @Override
  public ArchVm createVm(VmContext vm, long type) {
    return new X86Vm(vm);
  }
}
