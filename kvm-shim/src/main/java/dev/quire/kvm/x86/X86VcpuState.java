package dev.quire.kvm.x86;

import dev.quire.emulator.exec.X86Core;
import dev.quire.emulator.vcpu.x86.EngineMsrs;
import dev.quire.emulator.vcpu.x86.X86ResetState;
import dev.quire.kvm.abi.KvmRegs;
import dev.quire.kvm.abi.KvmSregs;
import dev.quire.kvm.abi.LittleEndian;
import dev.quire.kvm.fd.Caller;
import dev.quire.mmu.x86.X86Mmu;

/**
 * The state of an x86 vCPU between two KVM_RUNs. Made after the core, given to KVM_RUN, which asks
 * {@link #events}, {@link #debug}, {@link #msrs} and the MP state and calls {@link #beforeRun} and
 * {@link #afterRun} around each run of the core. VM thread only.
 */
public final class X86VcpuState {
  // KVM_MP_STATE_.
  public static final int RUNNABLE = 0;
  public static final int UNINITIALIZED = 1;
  public static final int INIT_RECEIVED = 2;
  public static final int HALTED = 3;
  public static final int SIPI_RECEIVED = 4;
  public static final int AP_RESET_HOLD = 9;

  /** IA32_APIC_BASE: x2APIC mode. */
  static final long X2APIC_ENABLE = 1 << 10;

  private static final long APIC_ENABLE = 1 << 11;
  private static final long APIC_BSP = 1 << 8;
  private static final long APIC_DEFAULT_BASE = 0xfee0_0000L;
  private static final long APIC_RESERVED = 0x2ff;
  private static final long DR6_RESET = 0xffff_0ff0L;
  private static final long DR7_RESET = 0x400;
  private static final int RESET_SIGNATURE = 0x600;
  private static final int GENERAL_REGISTERS = 16;
  private static final long RFLAGS_FIXED = 2;

  private final X86VmState vm;
  private final int id;
  private final GuestCpuid cpuid;
  private final X86Core core;
  private final X86Mmu mmu;
  private final KernelApic apic;
  private final KvmMsrs msrs;
  private final FloatingPoint floatingPoint;
  private final SpecialRegisters special;
  private final EventCalls eventCalls;
  private final VcpuCalls calls;
  private final VcpuEvents events = new VcpuEvents();
  private final GuestDebug debug = new GuestDebug();
  private final TaskPriorityReports taskPriorityReports;
  private int mpState;
  private long apicBase;
  private boolean hasRun;

  /**
   * State after KVM_CREATE_VCPU: RESET.
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
    this.taskPriorityReports = new TaskPriorityReports(core);
    this.msrs = new KvmMsrs(this, new EngineMsrs(core, mmu));
    this.floatingPoint = new FloatingPoint(core);
    boolean boots = id == vm.bootCpu();
    apicBase = APIC_DEFAULT_BASE | APIC_ENABLE | (boots ? APIC_BSP : 0);
    mpState = apic == null || boots ? RUNNABLE : UNINITIALIZED;
    new X86ResetState(core, mmu, RESET_SIGNATURE).init();
    core.setDebugRegister(6, DR6_RESET);
    core.setDebugRegister(7, DR7_RESET);
    cpuid.attach(new ShownRegisters());
    this.special = new SpecialRegisters(this);
    this.eventCalls = new EventCalls(this);
    this.calls = new VcpuCalls(this, floatingPoint, special, eventCalls);
    applyCpuid();
    vm.vcpuCreated();
  }

  /** What CPUID shows of the registers. */
  private final class ShownRegisters implements GuestCpuid.Registers {
    @Override
    public long cr4() {
      return special.cr4();
    }

    @Override
    public boolean apicEnabled() {
      return (apicBase & APIC_ENABLE) != 0;
    }

    @Override
    public boolean showsMwait() {
      return !vm.hasQuirk(X86VmState.QUIRK_MISC_ENABLE_NO_MWAIT);
    }

    @Override
    public boolean mwaitEnabled() {
      return (msrs.miscEnable() & MsrNumbers.MISC_ENABLE_MWAIT) != 0;
    }
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

  public int mpState() {
    return mpState;
  }

  public void setMpState(int state) {
    mpState = state;
  }

  /** Whether the vCPU has ever run: its model is frozen then. */
  boolean hasRun() {
    return hasRun;
  }

  /** KVM_TPR_ACCESS_REPORTING: the guest's accesses to the task priority exit. */
  TaskPriorityReports taskPriorityReports() {
    return taskPriorityReports;
  }

  /** The signals KVM_RUN lets through while it runs (KVM_SET_SIGNAL_MASK); null for all as is. */
  public Long signalMask() {
    return calls.signalMask();
  }

  /** IA32_APIC_BASE. */
  public long apicBase() {
    return apicBase;
  }

  /**
   * kvm_apic_set_base.
   *
   * @param host user space asks: every legal value is taken
   * @return false for #GP
   */
  boolean setApicBase(long value, boolean host) {
    if (value == apicBase) {
      return true;
    }
    long reserved = cpuid.reservedGpaBits() | APIC_RESERVED;
    reserved |= cpuid.has(CpuFeature.X2APIC) ? 0 : X2APIC_ENABLE;
    long mode = value & (APIC_ENABLE | X2APIC_ENABLE);
    if ((value & reserved) != 0 || mode == X2APIC_ENABLE) {
      return false;
    }
    long oldMode = apicBase & (APIC_ENABLE | X2APIC_ENABLE);
    boolean leaves = oldMode == (APIC_ENABLE | X2APIC_ENABLE) && mode == APIC_ENABLE;
    boolean jumps = oldMode == 0 && mode == (APIC_ENABLE | X2APIC_ENABLE);
    if (!host && (leaves || jumps)) {
      return false;
    }
    apicBase = value;
    if (apic != null) {
      apic.baseChanged(value);
    }
    return true;
  }

  long efer() {
    return special.efer();
  }

  void setEfer(long value) {
    special.setEfer(value);
  }

  /** CPUID has changed: MOV to CR4 takes the bits it shows. */
  void applyCpuid() {
    mmu.control().restrictCr4(cpuid.allowedCr4());
  }

  /** KVM_RUN is about to run the core: what user space has set reaches it. */
  public void beforeRun() {
    hasRun = true;
    floatingPoint.load();
  }

  /** The core has run; the calls read from it again. */
  public void afterRun() {
    msrs.paravirtual().clock().update();
  }

  /**
   * A vCPU call other than KVM_RUN and the generic ones.
   *
   * @return the result, -errno or {@link dev.quire.kvm.vm.ArchVcpu#UNKNOWN} for others
   */
  public long ioctl(Caller caller, int request, long argument) {
    return calls.ioctl(caller, request, argument);
  }

  /** struct kvm_regs. */
  public void getRegs(byte[] target, int offset) {
    for (int number = 0; number < GENERAL_REGISTERS; number++) {
      LittleEndian.putLong(target, offset + KvmRegs.general(number), core.gpr(number));
    }
    LittleEndian.putLong(target, offset + KvmRegs.RIP, core.rip());
    LittleEndian.putLong(target, offset + KvmRegs.RFLAGS, core.rflags());
  }

  /** KVM_SET_REGS; what waits as an exception is forgotten. */
  public void setRegs(byte[] source, int offset) {
    for (int number = 0; number < GENERAL_REGISTERS; number++) {
      core.setGpr(number, LittleEndian.getLong(source, offset + KvmRegs.general(number)));
    }
    core.setRip(LittleEndian.getLong(source, offset + KvmRegs.RIP));
    core.setRflags(LittleEndian.getLong(source, offset + KvmRegs.RFLAGS) | RFLAGS_FIXED);
    events.exceptionPending = false;
  }

  /** struct kvm_sregs. */
  public void getSregs(byte[] target, int offset) {
    java.util.Arrays.fill(target, offset, offset + KvmSregs.BYTES, (byte) 0);
    special.get(target, offset);
    if (events.interruptInjected && !events.interruptSoft) {
      int vector = events.interruptVector;
      target[offset + KvmSregs.INTERRUPT_BITMAP + (vector >>> 3)] |= (byte) (1 << (vector & 7));
    }
  }

  /**
   * KVM_SET_SREGS.
   *
   * @return 0 or -errno
   */
  public long setSregs(byte[] source, int offset) {
    long result = special.set(source, offset, null);
    if (result != 0) {
      return result;
    }
    for (int word = 0; word < 4; word++) {
      int at = offset + KvmSregs.INTERRUPT_BITMAP + Long.BYTES * word;
      long bits = LittleEndian.getLong(source, at);
      if (bits != 0) {
        events.queueInterrupt(Long.SIZE * word + Long.numberOfTrailingZeros(bits));
        break;
      }
    }
    return 0;
  }

  /** struct kvm_vcpu_events. */
  public void getEvents(byte[] target, int offset) {
    eventCalls.get(target, offset);
  }

  /**
   * KVM_SET_VCPU_EVENTS.
   *
   * @return 0 or -errno
   */
  public long setEvents(byte[] source, int offset) {
    return eventCalls.set(source, offset);
  }
}
