package dev.quire.kvm.x86;

import dev.quire.emulator.device.VirtualClock;
import dev.quire.kvm.fd.Caller;
import dev.quire.kvm.vm.ArchVcpu;
import dev.quire.kvm.vm.VmContext;

/**
 * What the x86 side of a VM is set to: capabilities enabled, the MSR filter, where the interrupt
 * controllers are, the clock. VM thread only.
 */
public final class X86VmState {
  /** Where the interrupt controllers are. */
  public enum Irqchip {
    /** In user space. */
    NONE,
    /** Local APICs here, the rest in user space. */
    SPLIT,
    KERNEL
  }

  private final VmContext context;
  private final VirtualClock clock;
  private Irqchip irqchip = Irqchip.NONE;
  private MsrFilter filter = MsrFilter.ALL;
  private int userSpaceMsrs;
  private int bootCpu;

  public X86VmState(VmContext context, VirtualClock clock) {
    this.context = context;
    this.clock = clock;
  }

  public VmContext context() {
    return context;
  }

  public VirtualClock clock() {
    return clock;
  }

  public Irqchip irqchip() {
    return irqchip;
  }

  /** KVM_CREATE_IRQCHIP has made the controllers. */
  public void setIrqchip(Irqchip where) {
    irqchip = where;
  }

  /** KVM_X86_SET_MSR_FILTER. */
  public MsrFilter msrFilter() {
    return filter;
  }

  /** KVM_CAP_X86_USER_SPACE_MSR: KVM_MSR_EXIT_REASON_ bits for which the guest's access exits. */
  public int userSpaceMsrs() {
    return userSpaceMsrs;
  }

  /** KVM_CAP_EXIT_ON_EMULATION_FAILURE: also for user code, which gets #UD otherwise. */
  public boolean exitsOnEmulationFailure() {
    return false;
  }

  /** KVM_CAP_EXIT_HYPERCALL: bits of hypercall numbers that user space answers. */
  public long hypercallExits() {
    return 0;
  }

  /** KVM_X86_QUIRK_OUT_7E_INC_RIP is on. */
  public boolean incrementsRipAtPort7e() {
    return true;
  }

  /** KVM_X86_QUIRK_FIX_HYPERCALL_INSN is on. */
  public boolean rewritesHypercalls() {
    return true;
  }

  /** Id of the vCPU that starts. */
  public int bootCpu() {
    return bootCpu;
  }

  /** VM calls kept here; {@link ArchVcpu#UNKNOWN} for others. */
  public long ioctl(Caller caller, int request, long argument) {
    return ArchVcpu.UNKNOWN;
  }

  /** KVM_ENABLE_CAP on the VM; {@link ArchVcpu#UNKNOWN} for what is not x86's. */
  public long enableCapability(int capability, int flags, long[] arguments) {
    return ArchVcpu.UNKNOWN;
  }

  /** KVM_CHECK_EXTENSION on the VM, where it differs from the system's answer. */
  public long checkExtension(long capability) {
    return ArchVcpu.UNKNOWN;
  }
}
