package dev.quire.kvm.vm;

import dev.quire.kernel.kvm.MemSlots;
import dev.quire.kernel.kvm.Stage2Mmu;
import dev.quire.kernel.mm.Errno;
import dev.quire.kernel.mm.KernelProfile;
import dev.quire.kvm.abi.Capabilities;
import dev.quire.kvm.fd.Caller;
import dev.quire.kvm.fd.SharedPages;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.List;
import java.util.Set;
import java.util.function.Consumer;

/**
 * A VM without its architecture. Each of its files holds a reference; it ends with the last, the
 * newest parts first. On the VM's thread.
 */
final class Vm implements VmContext {
  /** Of the pages that client and service share. */
  static final int PAGE_BYTES = 4096;

  private final Architecture architecture;
  private final VmHost host;
  private final Object addressSpace;
  private final long number;
  private final Consumer<Vm> ended;
  private final MemSlots slots;
  private final Stage2Mmu stage2;
  private final CoalescedZones zones;
  private final BusRanges ports = new BusRanges();
  private final BusRanges addresses = new BusRanges();
  private final IoEventFds ioEventFds = new IoEventFds(ports, addresses);
  private final IoBus bus;
  private final ArchVm arch;
  private final IrqFds irqFds;
  private final List<Vcpu> vcpus = new ArrayList<>();
  private final List<KvmDevice> devices = new ArrayList<>();
  private final BitSet enabled = new BitSet();
  private Vcpu running;
  private boolean hasVfio;
  private int dirtyRingBytes;
  private long manualProtect;
  private int references;

  /**
   * @param ring of coalesced writes, the VM's from now on
   * @param caller whose process is the VM's
   * @param number of the VM among those of the service
   * @param listenedTo identities of the eventfds that have an irqfd, of all VMs
   * @param ended is told when the last file is closed
   */
  Vm(
      Architecture architecture,
      VmHost host,
      SharedPages ring,
      Caller caller,
      long type,
      long number,
      Set<Object> listenedTo,
      Consumer<Vm> ended) {
    this.architecture = architecture;
    this.host = host;
    this.addressSpace = caller.addressSpace();
    this.number = number;
    this.ended = ended;
    slots = new MemSlots(traits().memorySlots(), architecture.physicalBits(type));
    stage2 =
        new Stage2Mmu(
            slots,
            host.space(),
            host.memory(),
            host.tableFrames(),
            architecture.stage2Format(type));
    zones = new CoalescedZones(ring, ports, addresses);
    bus = new IoBus(ports, addresses);
    arch = architecture.createVm(this, type);
    irqFds = new IrqFds(arch, listenedTo);
  }

  void get() {
    references++;
  }

  void put() {
    if (--references == 0) {
      close();
    }
  }

  private void close() {
    irqFds.close();
    for (int i = devices.size() - 1; i >= 0; i--) {
      devices.get(i).close();
    }
    for (int i = vcpus.size() - 1; i >= 0; i--) {
      vcpus.get(i).close();
    }
    arch.close();
    ioEventFds.close();
    zones.ring().close();
    stage2.close();
    ended.accept(this);
  }

  HostTraits traits() {
    return architecture.traits();
  }

  KernelProfile profile() {
    return host.kernel().config().profile();
  }

  ArchVm arch() {
    return arch;
  }

  CoalescedZones zones() {
    return zones;
  }

  SharedPages coalescedRing() {
    return zones.ring();
  }

  IoEventFds ioEventFds() {
    return ioEventFds;
  }

  IrqFds irqFds() {
    return irqFds;
  }

  MemSlots slots() {
    return slots;
  }

  boolean belongsTo(Caller caller) {
    return caller.addressSpace() == addressSpace;
  }

  /** KVM_CHECK_EXTENSION on the VM. */
  long checkExtension(long capability) {
    long answer = GenericCapabilities.check(profile(), traits(), this, capability);
    if (answer == ArchVcpu.UNKNOWN) {
      answer = arch.checkExtension(capability);
    }
    if (answer == ArchVcpu.UNKNOWN) {
      answer = architecture.checkExtension(capability);
    }
    return answer == ArchVcpu.UNKNOWN ? 0 : answer;
  }

  /** KVM_CREATE_VCPU. */
  long createVcpu(Caller caller, long id) {
    if (Long.compareUnsigned(id, checkExtension(Capabilities.MAX_VCPU_ID)) >= 0
        || vcpus.size() >= checkExtension(Capabilities.MAX_VCPUS)) {
      return -Errno.EINVAL;
    }
    if (vcpu((int) id) != null) {
      return -Errno.EEXIST;
    }
    SharedPages run = host.allocate(traits().runPages());
    if (run == null) {
      return -Errno.ENOMEM;
    }
    SharedPages ring = null;
    if (dirtyRingBytes != 0) {
      ring = host.allocate(dirtyRingBytes / PAGE_BYTES);
      if (ring == null) {
        run.close();
        return -Errno.ENOMEM;
      }
    }
    ArchVcpu made = arch.createVcpu((int) id, run);
    if (made == null) {
      run.close();
      if (ring != null) {
        ring.close();
      }
      return arch.error();
    }
    DirtyRing dirty = ring == null ? null : new DirtyRing(ring, dirtyRingBytes);
    Vcpu vcpu = new Vcpu(this, (int) id, run, dirty, made);
    vcpus.add(vcpu);
    long number = caller.descriptors().install(new VcpuFile(this, vcpu));
    if (number < 0) {
      vcpus.remove(vcpu);
      vcpu.close();
    }
    return number;
  }

  int vcpuCount() {
    return vcpus.size();
  }

  /** Who executes now, for the dirty rings; null when nobody does. */
  void setRunning(Vcpu vcpu) {
    running = vcpu;
  }

  boolean canPreFault() {
    return checkExtension(Capabilities.PRE_FAULT_MEMORY) != 0;
  }

  int dirtyRingBytes() {
    return dirtyRingBytes;
  }

  /** KVM_CAP_DIRTY_LOG_RING is enabled with this size. */
  void setDirtyRing(int bytes) {
    dirtyRingBytes = bytes;
    updateDirtyLogging();
    stage2
        .dirtyLogs()
        .setListener(
            (slot, page) -> {
              if (running == null) {
                return false;
              }
              running.ring().push(slot, page);
              if (running.ring().isFull()) {
                running.arch().endTurn();
              }
              return true;
            });
  }

  /** KVM_RESET_DIRTY_RINGS: how many entries came back. */
  long resetDirtyRings() {
    long count = 0;
    for (Vcpu vcpu : vcpus) {
      count += vcpu.ring().reset(stage2.dirtyLogs()::writeProtect);
    }
    return count;
  }

  /** Whether dirty pages go to bitmaps (kvm_use_dirty_bitmap). */
  boolean usesDirtyBitmaps() {
    return dirtyRingBytes == 0 || isEnabled(Capabilities.DIRTY_LOG_RING_WITH_BITMAP);
  }

  /** KVM_CAP_MANUAL_DIRTY_LOG_PROTECT2's argument. */
  long manualProtect() {
    return manualProtect;
  }

  void setManualProtect(long flags) {
    manualProtect = flags;
    updateDirtyLogging();
  }

  private void updateDirtyLogging() {
    boolean allSet = (manualProtect & GenericCapabilities.INITIALLY_SET) != 0;
    slots.setDirtyLogging(usesDirtyBitmaps(), allSet);
  }

  void enable(int capability) {
    enabled.set(capability);
    updateDirtyLogging();
  }

  /** KVM_CREATE_DEVICE of a type that {@link #hasDeviceType}. */
  KvmDevice createDevice(int type) {
    KvmDevice device = null;
    if (type != VfioDevice.TYPE) {
      device = arch.createDevice(type);
    } else if (!hasVfio) {
      hasVfio = true;
      device = new VfioDevice(() -> hasVfio = false);
    }
    if (device != null) {
      devices.add(device);
    }
    return device;
  }

  boolean hasDeviceType(int type) {
    return type == VfioDevice.TYPE || arch.hasDeviceType(type);
  }

  /** Why the last {@link #createDevice} made none. */
  long deviceError(int type) {
    return type == VfioDevice.TYPE ? -Errno.EBUSY : arch.error();
  }

  void remove(KvmDevice device) {
    devices.remove(device);
    device.close();
  }

  /** KVM_GET_STATS_FD of the VM. */
  long openStatistics(Caller caller) {
    StatisticsLayout layout = architecture.vmStatistics();
    String id = "kvm-" + number;
    return caller
        .descriptors()
        .install(new StatsFile(this, "kvm-vm-stats", () -> layout.file(id, statistics(layout))));
  }

  private long[] statistics(StatisticsLayout layout) {
    long[] values = new long[layout.values()];
    long flushes = stage2.counters().invalidations();
    values[layout.placeOf("remote_tlb_flush")] = flushes;
    values[layout.placeOf("remote_tlb_flush_requests")] = flushes;
    arch.statistics(values);
    return values;
  }

  /** KVM_GET_STATS_FD of a vCPU. */
  long openStatistics(Caller caller, Vcpu vcpu) {
    StatisticsLayout layout = architecture.vcpuStatistics();
    String id = "kvm-%d/vcpu-%d".formatted(number, vcpu.id());
    String name = "kvm-vcpu-stats:" + vcpu.id();
    return caller
        .descriptors()
        .install(new StatsFile(this, name, () -> layout.file(id, vcpu.statistics(layout))));
  }

  @Override
  public VmHost host() {
    return host;
  }

  @Override
  public Stage2Mmu stage2() {
    return stage2;
  }

  @Override
  public KvmBus bus() {
    return bus;
  }

  @Override
  public boolean isEnabled(int capability) {
    return capability >= 0 && enabled.get(capability);
  }

  @Override
  public ArchVcpu vcpu(int id) {
    Vcpu vcpu = find(id);
    return vcpu == null ? null : vcpu.arch();
  }

  private Vcpu find(int id) {
    for (Vcpu vcpu : vcpus) {
      if (vcpu.id() == id) {
        return vcpu;
      }
    }
    return null;
  }

  @Override
  public boolean isDirtyRingFull(int vcpu) {
    Vcpu found = dirtyRingBytes == 0 ? null : find(vcpu);
    return found != null && found.ring().isFull();
  }

  @Override
  public void acknowledged(int gsi) {
    irqFds.acknowledged(gsi);
  }

  @Override
  public void wake() {
    // Waiting calls look again at their next turn, which the VM's thread gives them by itself.
  }
}
