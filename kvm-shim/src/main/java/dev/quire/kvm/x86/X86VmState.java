package dev.quire.kvm.x86;

import dev.quire.emulator.device.VirtualClock;
import dev.quire.kernel.kvm.GuestPhysicalView;
import dev.quire.kernel.mm.Errno;
import dev.quire.kvm.abi.Capabilities;
import dev.quire.kvm.abi.Ioctls;
import dev.quire.kvm.abi.KvmClockData;
import dev.quire.kvm.abi.LittleEndian;
import dev.quire.kvm.fd.Caller;
import dev.quire.kvm.vm.ArchVcpu;
import dev.quire.kvm.vm.VmContext;

/**
 * What the x86 side of a VM is set to: capabilities enabled, the MSR filter, where the interrupt
 * controllers are, the clock (Linux v6.18 arch/x86/kvm/x86.c, kvm_vm_ioctl_enable_cap,
 * kvm_arch_vm_ioctl). VM thread only.
 */
public final class X86VmState {
  private static final int QUIRK_OUT_7E_INC_RIP = 1 << 3;

  /** KVM_X86_QUIRK_MISC_ENABLE_NO_MWAIT. */
  static final int QUIRK_MISC_ENABLE_NO_MWAIT = 1 << 4;

  /** KVM_X86_QUIRK_MWAIT_NEVER_UD_FAULTS. */
  static final int QUIRK_MWAIT_NEVER_UD = 1 << 6;

  private static final int QUIRK_FIX_HYPERCALL_INSN = 1 << 5;

  /** KVM_X86_DISABLE_EXITS_HLT: HLT waits inside KVM_RUN. */
  public static final int DISABLE_EXITS_HLT = 2;

  /** 2026-01-01T00:00:00Z: when every machine starts. */
  static final long START_EPOCH_NANOS = 1_767_225_600_000_000_000L;

  private static final long NANOS_PER_SECOND = 1_000_000_000;
  private static final int WALL_CLOCK_BYTES = 12;

  /** struct kvm_enc_region. */
  private static final int ENCRYPTED_REGION_BYTES = 16;

  /** KVM_MIN_ALLOC_MMU_PAGES. */
  private static final long MIN_MMU_PAGES = 64;

  private static final long LAST_TSS_ADDRESS = 0xffff_ffffL - 3 * 4096 + 1;

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
  private final GuestPhysicalView memory;
  private final X86VmCapabilities capabilities = new X86VmCapabilities(this);
  private Irqchip irqchip = Irqchip.NONE;
  private MsrFilter filter = MsrFilter.ALL;
  private int bootCpu;
  private int createdVcpus;
  private int defaultTscKhz = TimeStampCounter.HOST_KHZ;
  private int lastTscKhz;
  private long lastTscOffset;
  private long lastTscWrite;
  private long lastTscNanos;
  private boolean userSetTsc;
  private long clockOffset;
  private long wallClock;

  public X86VmState(VmContext context, VirtualClock clock) {
    this.context = context;
    this.clock = clock;
    this.memory =
        new GuestPhysicalView(
            context.stage2().slots(), context.host().space(), context.host().memory());
    this.clockOffset = -clock.nowNanos();
  }

  public VmContext context() {
    return context;
  }

  public VirtualClock clock() {
    return clock;
  }

  /** Guest memory through the client's mapping, as KVM's own accesses reach it. */
  GuestPhysicalView guestMemory() {
    return memory;
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
    return capabilities.userSpaceMsrs();
  }

  /** KVM_CAP_X86_DISABLE_EXITS: what the guest may do without an exit. */
  public int disabledExits() {
    return capabilities.disabledExits();
  }

  /** KVM_CAP_EXIT_HYPERCALL: bits of hypercall numbers that user space answers. */
  public long hypercallExits() {
    return capabilities.exitingHypercalls();
  }

  /** KVM_X86_QUIRK_OUT_7E_INC_RIP is on. */
  public boolean incrementsRipAtPort7e() {
    return hasQuirk(QUIRK_OUT_7E_INC_RIP);
  }

  /** KVM_X86_QUIRK_FIX_HYPERCALL_INSN is on. */
  public boolean rewritesHypercalls() {
    return hasQuirk(QUIRK_FIX_HYPERCALL_INSN);
  }

  /** KVM_CAP_EXIT_ON_EMULATION_FAILURE: also for user code, which gets #UD otherwise. */
  public boolean exitsOnEmulationFailure() {
    return capabilities.exitsOnEmulationFailure();
  }

  /** KVM_CAP_EXCEPTION_PAYLOAD: pending exceptions are told from injected ones. */
  public boolean hasExceptionPayload() {
    return capabilities.hasExceptionPayload();
  }

  /** KVM_CAP_X86_TRIPLE_FAULT_EVENT. */
  public boolean hasTripleFaultEvent() {
    return capabilities.hasTripleFaultEvent();
  }

  /** KVM_X86_QUIRK_: behaviour kept for old clients unless switched off. */
  public boolean hasQuirk(int quirk) {
    return capabilities.hasQuirk(quirk);
  }

  boolean guestReadsPlatformInfo() {
    return capabilities.guestReadsPlatformInfo();
  }

  /** KVM_CAP_X86_APIC_BUS_CYCLES_NS. */
  public long apicBusCycleNanos() {
    return capabilities.apicBusCycleNanos();
  }

  /** Whether KVM_CAP_X2APIC_API has interrupts' destinations 32 bits wide. */
  public boolean hasWideApicIds() {
    return capabilities.hasWideApicIds();
  }

  /** Id of the vCPU that starts. */
  public int bootCpu() {
    return bootCpu;
  }

  /** Whether KVM_CREATE_VCPU takes the id, else EINVAL: KVM_CAP_MAX_VCPU_ID. */
  public boolean acceptsVcpuId(int id) {
    return id < capabilities.settleMaxVcpuIds();
  }

  int createdVcpus() {
    return createdVcpus;
  }

  void vcpuCreated() {
    createdVcpus++;
  }

  int defaultTscKhz() {
    return defaultTscKhz;
  }

  int lastTscKhz() {
    return lastTscKhz;
  }

  long lastTscOffset() {
    return lastTscOffset;
  }

  void userWroteTsc() {
    userSetTsc = true;
  }

  void tscWritten(int khz, long value, long offset) {
    lastTscKhz = khz;
    lastTscOffset = offset;
    lastTscWrite = value;
    lastTscNanos = clock.nowNanos();
  }

  /** Within a second of what the counter written last has become (kvm_synchronize_tsc). */
  boolean isTscNear(long value, int khz) {
    if (!userSetTsc) {
      return false;
    }
    long expected = lastTscWrite + (clock.nowNanos() - lastTscNanos) / 1000 * khz / 1000;
    return Math.abs(value - expected) < khz * 1000L;
  }

  /** kvmclock: nanoseconds since the VM was made, unless set. */
  long kvmClock() {
    return clock.nowNanos() + clockOffset;
  }

  long wallClock() {
    return wallClock;
  }

  /** MSR_KVM_WALL_CLOCK: the guest is told the time at which its clock was 0. */
  void setWallClock(long gpa) {
    wallClock = gpa;
    if (gpa == 0 || !memory.contains(gpa, WALL_CLOCK_BYTES)) {
      return;
    }
    long nanos = START_EPOCH_NANOS + clock.nowNanos() - kvmClock();
    byte[] wall = new byte[WALL_CLOCK_BYTES];
    int version = ((int) memory.readValue(gpa, Integer.BYTES) + 1 & ~1) + 2;
    LittleEndian.putInt(wall, 0, version);
    LittleEndian.putInt(wall, Integer.BYTES, (int) (nanos / NANOS_PER_SECOND));
    LittleEndian.putInt(wall, 2 * Integer.BYTES, (int) (nanos % NANOS_PER_SECOND));
    memory.write(gpa, wall, 0, WALL_CLOCK_BYTES);
  }

  /** VM calls kept here; {@link ArchVcpu#UNKNOWN} for others. */
  public long ioctl(Caller caller, int request, long argument) {
    return switch (request) {
      case Ioctls.SET_TSS_ADDR ->
          Long.compareUnsigned(argument, LAST_TSS_ADDRESS) > 0 ? -Errno.EINVAL : 0;
      case Ioctls.SET_IDENTITY_MAP_ADDR -> setIdentityMapAddress(caller, argument);
      case Ioctls.SET_NR_MMU_PAGES ->
          Long.compareUnsigned(argument, MIN_MMU_PAGES) < 0 ? -Errno.EINVAL : 0;
      case Ioctls.SET_BOOT_CPU_ID -> setBootCpu(argument);
      case Ioctls.SET_TSC_KHZ -> setTscKhz((int) argument);
      case Ioctls.GET_TSC_KHZ -> defaultTscKhz;
      case Ioctls.GET_CLOCK -> UserStructs.copyOut(caller, argument, getClock());
      case Ioctls.SET_CLOCK -> setClock(caller, argument);
      case Ioctls.X86_SET_MSR_FILTER -> setFilter(caller, argument);
      case Ioctls.SET_PMU_EVENT_FILTER -> PmuEventFilter.check(caller, argument);
      // No encrypted memory; the structure is read first.
      case Ioctls.MEMORY_ENCRYPT_REG_REGION, Ioctls.MEMORY_ENCRYPT_UNREG_REGION ->
          UserStructs.copyIn(caller, argument, ENCRYPTED_REGION_BYTES) == null
              ? -Errno.EFAULT
              : -Errno.ENOTTY;
      default -> ArchVcpu.UNKNOWN;
    };
  }

  private long setIdentityMapAddress(Caller caller, long argument) {
    if (createdVcpus != 0) {
      return -Errno.EINVAL;
    }
    // EPT with unrestricted guests needs no identity map: the address is taken and not used.
    return UserStructs.copyIn(caller, argument, Long.BYTES) == null ? -Errno.EFAULT : 0;
  }

  private long setBootCpu(long id) {
    if (createdVcpus != 0) {
      return -Errno.EBUSY;
    }
    int limit = capabilities.maxVcpuIds();
    if (Long.compareUnsigned(id, X86Capabilities.MAX_VCPU_IDS) > 0 || limit != 0 && id > limit) {
      return -Errno.EINVAL;
    }
    bootCpu = (int) id;
    return 0;
  }

  private long setTscKhz(int khz) {
    if (Integer.compareUnsigned(khz, TimeStampCounter.MAX_KHZ) >= 0 || createdVcpus != 0) {
      return -Errno.EINVAL;
    }
    defaultTscKhz = khz == 0 ? TimeStampCounter.HOST_KHZ : khz;
    return 0;
  }

  private byte[] getClock() {
    byte[] data = new byte[KvmClockData.BYTES];
    int flags = KvmClockData.TSC_STABLE | KvmClockData.REALTIME_VALID | KvmClockData.HOST_TSC_VALID;
    LittleEndian.putLong(data, KvmClockData.CLOCK, kvmClock());
    LittleEndian.putInt(data, KvmClockData.FLAGS, flags);
    LittleEndian.putLong(data, KvmClockData.REALTIME, START_EPOCH_NANOS + clock.nowNanos());
    LittleEndian.putLong(data, KvmClockData.HOST_TSC, clock.nowNanos());
    return data;
  }

  private long setClock(Caller caller, long argument) {
    byte[] data = UserStructs.copyIn(caller, argument, KvmClockData.BYTES);
    if (data == null) {
      return -Errno.EFAULT;
    }
    int flags = LittleEndian.getInt(data, KvmClockData.FLAGS);
    int valid = KvmClockData.TSC_STABLE | KvmClockData.REALTIME_VALID | KvmClockData.HOST_TSC_VALID;
    if ((flags & ~valid) != 0) {
      return -Errno.EINVAL;
    }
    long wanted = LittleEndian.getLong(data, KvmClockData.CLOCK);
    if ((flags & KvmClockData.REALTIME_VALID) != 0) {
      long then = LittleEndian.getLong(data, KvmClockData.REALTIME);
      long now = START_EPOCH_NANOS + clock.nowNanos();
      wanted += Long.compareUnsigned(now, then) > 0 ? now - then : 0;
    }
    clockOffset = wanted - clock.nowNanos();
    return 0;
  }

  private long setFilter(Caller caller, long argument) {
    MsrFilterReader reader = new MsrFilterReader();
    long result = reader.read(caller, argument);
    if (result == 0) {
      filter = reader.filter();
    }
    return result;
  }

  /** KVM_ENABLE_CAP on the VM; {@link ArchVcpu#UNKNOWN} for what is not x86's. */
  public long enableCapability(int capability, int flags, long[] arguments) {
    return capabilities.enable(capability, flags, arguments);
  }

  /** KVM_CHECK_EXTENSION on the VM, where it differs from the system's answer. */
  public long checkExtension(long capability) {
    if (capability == Capabilities.X2APIC_API) {
      return irqchip == Irqchip.SPLIT
          ? X86Capabilities.X2APIC_FLAGS
          : X86Capabilities.X2APIC_FLAGS & ~X86Capabilities.X2APIC_SUPPRESS_EOI_BROADCAST;
    }
    return X86Capabilities.check(capability);
  }
}
