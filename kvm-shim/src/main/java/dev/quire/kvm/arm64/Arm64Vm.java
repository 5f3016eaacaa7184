package dev.quire.kvm.arm64;

import dev.quire.emulator.device.arm64.GenericTimer;
import dev.quire.emulator.device.arm64.GicOutputs;
import dev.quire.emulator.device.arm64.PsciHandler;
import dev.quire.emulator.device.arm64.PsciHost;
import dev.quire.kernel.mm.Errno;
import dev.quire.kvm.abi.Capabilities;
import dev.quire.kvm.abi.Ioctls;
import dev.quire.kvm.abi.LittleEndian;
import dev.quire.kvm.fd.Caller;
import dev.quire.kvm.fd.SharedPages;
import dev.quire.kvm.vm.ArchVcpu;
import dev.quire.kvm.vm.ArchVm;
import dev.quire.kvm.vm.KvmDevice;
import dev.quire.kvm.vm.VmContext;
import dev.quire.kvm.vm.VmStructs;
import dev.quire.kvm.vm.VmTime;
import dev.quire.mmu.arm64.TlbiOp;
import java.util.ArrayList;
import java.util.List;

/** The arm64 side of a VM. VM thread only. */
final class Arm64Vm implements ArchVm, GicOutputs {
  private static final int VCPU_INIT_BYTES = 32;
  private static final int TARGET_GENERIC_V8 = 5;
  private static final int DEVICE_ID_VGIC_V2 = 0;
  private static final int IRQ_TYPE_CPU = 0;
  private static final int IRQ_TYPE_SPI = 1;
  private static final int IRQ_TYPE_PPI = 2;
  private static final int FIRST_PPI = 16;
  private static final int FIRST_SPI = 32;
  private static final int MASKS_BYTES = 64;
  private static final int MASK_COUNT = 3 * 8 * 8;

  private final VmContext context;
  private final int ipaBits;
  private final VmTime time = new VmTime();
  private final List<Arm64Vcpu> vcpus = new ArrayList<>();
  private final PsciHandler psci = new PsciHandler(new Psci());

  /** Null without an in-kernel interrupt controller. */
  private Vgic vgic;

  private Arm64Vcpu running;
  private int features = -1;
  private long error;
  private boolean asksForMissingSyndromes;

  Arm64Vm(VmContext context, int ipaBits) {
    this.context = context;
    this.ipaBits = ipaBits;
  }

  VmContext context() {
    return context;
  }

  int ipaBits() {
    return ipaBits;
  }

  VmTime time() {
    return time;
  }

  PsciHandler psci() {
    return psci;
  }

  /** Whose accesses are served from now on; null when nobody's. */
  void setRunning(Arm64Vcpu vcpu) {
    running = vcpu;
  }

  /** Whether a vCPU has run: then identification registers are fixed. */
  boolean hasRun() {
    for (Arm64Vcpu vcpu : vcpus) {
      if (vcpu.hasRun()) {
        return true;
      }
    }
    return false;
  }

  int vcpuCount() {
    return vcpus.size();
  }

  /** Index of the vCPU whose accesses are served. */
  int runningIndex() {
    return running == null ? 0 : running.index();
  }

  long mpidrOf(int index) {
    return vcpus.get(index).mpidr();
  }

  /** The vCPU of an affinity packed into one word, or -1. */
  int indexOfAffinity(long packed) {
    long affinity = packed & 0xff_ffff | (packed >>> 24 & 0xff) << 32;
    for (Arm64Vcpu vcpu : vcpus) {
      if (vcpu.isInitialized() && (vcpu.mpidr() & Psci.AFFINITY_MASK) == affinity) {
        return vcpu.index();
      }
    }
    return -1;
  }

  /** Null without a GICv3. */
  VgicV3 vgicV3() {
    return vgic instanceof VgicV3 third ? third : null;
  }

  boolean hasVgic() {
    return vgic != null;
  }

  /** Every vCPU is initialized with the same features: false if these are others. */
  boolean agree(int wanted) {
    if (features >= 0 && features != wanted) {
      return false;
    }
    features = wanted;
    return true;
  }

  /** Before a vCPU's first run: 0 or -errno (kvm_vgic_map_resources). */
  long prepareRun() {
    if (vgic == null || vgic.isInitialized() && vgic.isPlaced()) {
      return 0;
    }
    return vgic.isPlaced() ? vgic.initialize() : -Errno.ENXIO;
  }

  @Override
  public ArchVcpu createVcpu(int id, SharedPages run) {
    if (vgic != null && vgic.isInitialized()) {
      error = -Errno.EBUSY;
      return null;
    }
    Arm64Vcpu vcpu = new Arm64Vcpu(this, vcpus.size(), id, run);
    vcpus.add(vcpu);
    return vcpu;
  }

  /** A timer's interrupt of a vCPU. */
  void timerLine(int index, int intid, boolean level) {
    if (vgic != null && vgic.isInitialized()) {
      vgic.setLine(index, intid, level);
    } else if (index < vcpus.size()) {
      vcpus.get(index).setUserLine(intid == GenericTimer.VIRTUAL_INTID, level);
    }
  }

  /** A TLB maintenance instruction of the inner shareable domain. */
  void broadcast(int from, TlbiOp operation, long operand) {
    for (Arm64Vcpu vcpu : vcpus) {
      if (vcpu.index() != from) {
        vcpu.mmu().tlbi(operation, operand);
      }
    }
  }

  @Override
  public void set(int cpu, boolean irqAsserted, boolean fiqAsserted) {
    vcpus.get(cpu).setInterruptLines(irqAsserted, fiqAsserted);
  }

  @Override
  public long error() {
    return error;
  }

  @Override
  public long ioctl(Caller caller, int request, long argument) {
    return switch (request) {
      case Ioctls.CREATE_IRQCHIP -> createVgic(VgicV2.TYPE);
      case Ioctls.ARM_SET_DEVICE_ADDR -> setDeviceAddress(caller, argument);
      case Ioctls.ARM_PREFERRED_TARGET -> preferredTarget(caller, argument);
      case Ioctls.IRQ_LINE, Ioctls.IRQ_LINE_STATUS -> irqLine(caller, argument);
      case Ioctls.ARM_SET_COUNTER_OFFSET -> setCounterOffset(caller, argument);
      case Ioctls.ARM_GET_REG_WRITABLE_MASKS -> writableMasks(caller, argument);
      case Ioctls.SET_DEVICE_ATTR, Ioctls.HAS_DEVICE_ATTR -> -Errno.ENXIO;
      case Ioctls.SIGNAL_MSI -> vgic == null ? -Errno.EINVAL : -Errno.ENODEV;
      default -> ArchVcpu.UNKNOWN;
    };
  }

  private long createVgic(int type) {
    if (vgic != null) {
      return -Errno.EEXIST;
    }
    if (hasRun()) {
      return -Errno.EBUSY;
    }
    vgic = type == VgicV2.TYPE ? new VgicV2(this) : new VgicV3(this);
    context.bus().add(vgic);
    return 0;
  }

  @Override
  public boolean hasDeviceType(int type) {
    return type == VgicV2.TYPE || type == VgicV3.TYPE;
  }

  @Override
  public KvmDevice createDevice(int type) {
    error = createVgic(type);
    return error == 0 ? vgic : null;
  }

  private long setDeviceAddress(Caller caller, long argument) {
    byte[] address = VmStructs.read(caller, argument, 16);
    if (address == null) {
      return -Errno.EFAULT;
    }
    long id = LittleEndian.getLong(address, 0);
    if (id >>> 16 != DEVICE_ID_VGIC_V2) {
      return -Errno.ENODEV;
    }
    return vgic instanceof VgicV2
        ? vgic.place(id & 0xffff, LittleEndian.getLong(address, 8))
        : -Errno.ENODEV;
  }

  private static long preferredTarget(Caller caller, long argument) {
    byte[] init = new byte[VCPU_INIT_BYTES];
    LittleEndian.putInt(init, 0, TARGET_GENERIC_V8);
    return VmStructs.write(caller, argument, init) ? 0 : -Errno.EFAULT;
  }

  private long irqLine(Caller caller, long argument) {
    byte[] line = VmStructs.read(caller, argument, 8);
    if (line == null) {
      return -Errno.EFAULT;
    }
    int irq = LittleEndian.getInt(line, 0);
    boolean level = LittleEndian.getInt(line, 4) != 0;
    int vcpu = (irq >>> 28) * 256 + (irq >>> 16 & 0xff);
    int number = irq & 0xffff;
    Arm64Vcpu target = byId(vcpu);
    switch (irq >>> 24 & 15) {
      case IRQ_TYPE_CPU -> {
        if (vgic != null) {
          return -Errno.ENXIO;
        }
        if (target == null || number > 1) {
          return -Errno.EINVAL;
        }
        target.setClientLine(number == 1, level);
        return 0;
      }
      case IRQ_TYPE_PPI -> {
        if (vgic == null) {
          return -Errno.ENXIO;
        }
        boolean legal = target != null && number >= FIRST_PPI && number < FIRST_SPI;
        return legal ? vgic.inject(target.index(), number, level) : -Errno.EINVAL;
      }
      case IRQ_TYPE_SPI -> {
        if (vgic == null) {
          return -Errno.ENXIO;
        }
        return number < FIRST_SPI ? -Errno.EINVAL : vgic.inject(0, number, level);
      }
      default -> {
        return -Errno.EINVAL;
      }
    }
  }

  private Arm64Vcpu byId(int id) {
    for (Arm64Vcpu vcpu : vcpus) {
      if (vcpu.id() == id) {
        return vcpu;
      }
    }
    return null;
  }

  private long setCounterOffset(Caller caller, long argument) {
    byte[] offset = VmStructs.read(caller, argument, 16);
    if (offset == null) {
      return -Errno.EFAULT;
    }
    if (LittleEndian.getLong(offset, 8) != 0) {
      return -Errno.EINVAL;
    }
    for (Arm64Vcpu vcpu : vcpus) {
      vcpu.setCounterOffset(LittleEndian.getLong(offset, 0));
    }
    return 0;
  }

  /** Which bits of op0 3, op1 {0, 1, 3}, CRn 0 a client may change, by op1, CRm and op2. */
  private long writableMasks(Caller caller, long argument) {
    byte[] range = VmStructs.read(caller, argument, MASKS_BYTES);
    if (range == null) {
      return -Errno.EFAULT;
    }
    for (int at = 12; at < MASKS_BYTES; at++) {
      if (range[at] != 0) {
        return -Errno.EINVAL;
      }
    }
    if (LittleEndian.getInt(range, 8) != 0) {
      return -Errno.EINVAL;
    }
    byte[] masks = new byte[MASK_COUNT * Long.BYTES];
    for (int crm = 0; crm < 8; crm++) {
      for (int op2 = 0; op2 < 8; op2++) {
        long mask = IdRegisters.writableMask(3 << 14 | crm << 3 | op2);
        LittleEndian.putLong(masks, (crm << 3 | op2) * Long.BYTES, mask);
      }
    }
    return VmStructs.write(caller, LittleEndian.getLong(range, 0), masks) ? 0 : -Errno.EFAULT;
  }

  @Override
  public long checkExtension(long capability) {
    return ArchVcpu.UNKNOWN;
  }

  @Override
  public long enableCapability(int capability, int flags, long[] arguments) {
    if (capability != Capabilities.ARM_NISV_TO_USER || flags != 0) {
      return -Errno.EINVAL;
    }
    asksForMissingSyndromes = true;
    return 0;
  }

  /** Whether user space performs accesses that leave no syndrome (KVM_CAP_ARM_NISV_TO_USER). */
  boolean asksForMissingSyndromes() {
    return asksForMissingSyndromes;
  }

  @Override
  public void setInterruptLine(int gsi, boolean level) {
    if (vgic != null) {
      vgic.inject(0, FIRST_SPI + gsi, level);
    }
  }

  @Override
  public void injectInterrupt(int gsi) {
    setInterruptLine(gsi, true);
    setInterruptLine(gsi, false);
  }

  @Override
  public long irqfdError(boolean resample) {
    if (vgic == null || !vgic.isInitialized()) {
      return -Errno.EAGAIN;
    }
    return resample ? -Errno.EINVAL : 0;
  }

  @Override
  public void close() {
    // vCPUs are closed by their files, the vGIC as a device.
  }

  /** PSCI's view of the VM: called between instructions, on behalf of {@link #running}. */
  private final class Psci implements PsciHost {
    private static final long AFFINITY_ON = 0;
    private static final long AFFINITY_OFF = 1;
    private static final long AFFINITY_MASK = 0xff_00ff_ffffL;
    private static final int INSTRUCTION_BYTES = 4;
    private static final int SYSTEM_SHUTDOWN = 1;
    private static final int SYSTEM_RESET = 2;

    @Override
    public long cpuOn(long targetMpidr, long entryGpa, long contextId) {
      Arm64Vcpu target = find(targetMpidr);
      if (target == null || !target.isInitialized()) {
        return PsciHandler.INVALID_PARAMETERS;
      }
      if (!target.isOff()) {
        return PsciHandler.ALREADY_ON;
      }
      if (entryGpa % INSTRUCTION_BYTES != 0) {
        return PsciHandler.INVALID_ADDRESS;
      }
      target.start(entryGpa, contextId);
      context.wake();
      return PsciHandler.SUCCESS;
    }

    private Arm64Vcpu find(long mpidr) {
      for (Arm64Vcpu vcpu : vcpus) {
        if (vcpu.isInitialized() && (vcpu.mpidr() & AFFINITY_MASK) == (mpidr & AFFINITY_MASK)) {
          return vcpu;
        }
      }
      return null;
    }

    @Override
    public long cpuOff() {
      running.powerOff();
      return PsciHandler.SUCCESS;
    }

    @Override
    public long cpuSuspend(long powerState, long entryGpa, long contextId) {
      running.waitForInterrupt();
      return PsciHandler.SUCCESS;
    }

    @Override
    public long affinityInfo(long targetAffinity, long lowestAffinityLevel) {
      Arm64Vcpu target = find(targetAffinity);
      if (target == null) {
        return PsciHandler.INVALID_PARAMETERS;
      }
      return target.isOff() ? AFFINITY_OFF : AFFINITY_ON;
    }

    @Override
    public void systemOff() {
      end(SYSTEM_SHUTDOWN);
    }

    @Override
    public void systemReset() {
      end(SYSTEM_RESET);
    }

    /** Every vCPU stops; user space decides what comes next (kvm_prepare_system_event). */
    private void end(int type) {
      for (Arm64Vcpu vcpu : vcpus) {
        vcpu.powerOff();
      }
      running.raiseSystemEvent(type);
    }
  }
}
