package dev.quire.kvm.x86;

import dev.quire.emulator.exec.X86Core;
import dev.quire.emulator.vcpu.x86.EngineMsrs;
import dev.quire.kvm.fd.Caller;
import dev.quire.kvm.vm.ArchVcpu;
import dev.quire.mmu.x86.X86Mmu;

/**
 * The state of an x86 vCPU and the calls that read and write it. Made after the core, given to
 * KVM_RUN, which asks {@link #events}, {@link #debug}, {@link #msrs} and the MP state and calls
 * {@link #beforeRun} and {@link #afterRun} around each run of the core. VM thread only.
 */
public final class X86VcpuState {
  // KVM_MP_STATE_.
  public static final int RUNNABLE = 0;
  public static final int UNINITIALIZED = 1;
  public static final int INIT_RECEIVED = 2;
  public static final int HALTED = 3;
  public static final int SIPI_RECEIVED = 4;
  public static final int AP_RESET_HOLD = 9;

  private final X86VmState vm;
  private final int id;
  private final GuestCpuid cpuid;
  private final X86Core core;
  private final X86Mmu mmu;
  private final KernelApic apic;
  private final KvmMsrs msrs;
  private final VcpuEvents events = new VcpuEvents();
  private final GuestDebug debug = new GuestDebug();
  private int mpState = RUNNABLE;

  /**
   * Resets the core as KVM does at KVM_CREATE_VCPU.
   *
   * @param cpuid that the core asks (made before it)
   * @param apic null without in-kernel local APICs
   */
  public X86VcpuState(
      X86VmState vm, int id, GuestCpuid cpuid, X86Core core, X86Mmu mmu, KernelApic apic) {
    this.vm = vm;
    this.id = id;
    this.cpuid = cpuid;
    this.core = core;
    this.mmu = mmu;
    this.apic = apic;
    this.msrs = new KvmMsrs(new EngineMsrs(core, mmu));
  }

  public X86VmState vm() {
    return vm;
  }

  public int id() {
    return id;
  }

  public GuestCpuid cpuid() {
    return cpuid;
  }

  public X86Core core() {
    return core;
  }

  public X86Mmu mmu() {
    return mmu;
  }

  /** Null without in-kernel local APICs. */
  public KernelApic apic() {
    return apic;
  }

  public KvmMsrs msrs() {
    return msrs;
  }

  public VcpuEvents events() {
    return events;
  }

  public GuestDebug debug() {
    return debug;
  }

  /** IA32_APIC_BASE. */
  public long apicBase() {
    return 0;
  }

  public int mpState() {
    return mpState;
  }

  public void setMpState(int state) {
    mpState = state;
  }

  /** KVM_RUN is about to run the core: what user space has set reaches it. */
  public void beforeRun() {}

  /** The core has run; the calls read from it again. */
  public void afterRun() {}

  /** A vCPU call other than KVM_RUN and the generic ones; {@link ArchVcpu#UNKNOWN} for others. */
  public long ioctl(Caller caller, int request, long argument) {
    return ArchVcpu.UNKNOWN;
  }

  /** struct kvm_regs for sync_regs. */
  public void getRegs(byte[] target, int offset) {}

  public void setRegs(byte[] source, int offset) {}

  /** struct kvm_sregs for sync_regs. */
  public void getSregs(byte[] target, int offset) {}

  /**
   * KVM_SET_SREGS.
   *
   * @return 0 or -errno
   */
  public long setSregs(byte[] source, int offset) {
    return 0;
  }

  /** struct kvm_vcpu_events for sync_regs. */
  public void getEvents(byte[] target, int offset) {}

  /**
   * KVM_SET_VCPU_EVENTS.
   *
   * @return 0 or -errno
   */
  public long setEvents(byte[] source, int offset) {
    return 0;
  }
}
