package dev.quire.kvm.vm;

import dev.quire.kernel.gmem.GuestMemfd;
import dev.quire.kernel.mm.Errno;
import dev.quire.kvm.abi.Capabilities;
import dev.quire.kvm.abi.Ioctls;
import dev.quire.kvm.abi.LittleEndian;
import dev.quire.kvm.fd.Caller;
import dev.quire.kvm.vm.VmStructs.CoalescedZone;
import dev.quire.kvm.vm.VmStructs.EnableCapability;
import dev.quire.kvm.vm.VmStructs.IoEventFd;
import dev.quire.kvm.vm.VmStructs.IrqFd;
import dev.quire.kvm.vm.VmStructs.MemoryAttributes;

/**
 * The file of a VM: takes its calls apart and hands them on (Linux v6.18 virt/kvm/kvm_main.c,
 * kvm_vm_ioctl). What is no call of a VM is ENOTTY.
 */
public final class VmFile extends VmDescriptor {
  static final int CREATE_DEVICE_BYTES = 12;
  static final int CREATE_GUEST_MEMFD_BYTES = 64;

  private static final int DEVICE_TEST = 1;

  private final MemoryCalls memory;

  VmFile(Vm vm) {
    super(vm);
    this.memory = new MemoryCalls(vm);
  }

  @Override
  public long ioctl(Caller caller, int request, long argument) {
    if (!vm().belongsTo(caller)) {
      return -Errno.EIO;
    }
    return switch (request) {
      case Ioctls.CREATE_VCPU -> vm().createVcpu(caller, argument);
      case Ioctls.ENABLE_CAP -> enableCapability(EnableCapability.read(caller, argument));
      case Ioctls.SET_USER_MEMORY_REGION -> memory.setRegion(caller, argument);
      case Ioctls.SET_USER_MEMORY_REGION2 -> memory.setRegion2(caller, argument);
      case Ioctls.GET_DIRTY_LOG -> memory.getDirtyLog(caller, argument);
      case Ioctls.CLEAR_DIRTY_LOG -> memory.clearDirtyLog(caller, argument);
      case Ioctls.REGISTER_COALESCED_MMIO -> {
        CoalescedZone zone = CoalescedZone.read(caller, argument);
        yield zone == null ? -Errno.EFAULT : vm().zones().register(zone);
      }
      case Ioctls.UNREGISTER_COALESCED_MMIO -> {
        CoalescedZone zone = CoalescedZone.read(caller, argument);
        yield zone == null ? -Errno.EFAULT : vm().zones().unregister(zone);
      }
      case Ioctls.IRQFD -> {
        IrqFd irqFd = IrqFd.read(caller, argument);
        yield irqFd == null ? -Errno.EFAULT : vm().irqFds().set(caller, irqFd);
      }
      case Ioctls.IOEVENTFD -> {
        IoEventFd ioEventFd = IoEventFd.read(caller, argument);
        yield ioEventFd == null ? -Errno.EFAULT : vm().ioEventFds().set(caller, ioEventFd);
      }
      case Ioctls.SET_MEMORY_ATTRIBUTES -> setMemoryAttributes(caller, argument);
      case Ioctls.CREATE_DEVICE -> createDevice(caller, argument);
      case Ioctls.CHECK_EXTENSION -> vm().checkExtension(argument);
      case Ioctls.RESET_DIRTY_RINGS ->
          vm().dirtyRingBytes() == 0 ? -Errno.EINVAL : vm().resetDirtyRings();
      case Ioctls.GET_STATS_FD -> vm().openStatistics(caller);
      case Ioctls.CREATE_GUEST_MEMFD -> createGuestMemfd(caller, argument);
      default -> {
        long answer = vm().arch().ioctl(caller, request, argument);
        yield answer == ArchVcpu.UNKNOWN ? -Errno.ENOTTY : answer;
      }
    };
  }

  private long setMemoryAttributes(Caller caller, long argument) {
    if (!vm().profile().memoryAttributes()) {
      return -Errno.ENOTTY;
    }
    MemoryAttributes range = MemoryAttributes.read(caller, argument);
    return range == null
        ? -Errno.EFAULT
        : vm().stage2()
            .setMemoryAttributes(range.gpa(), range.bytes(), range.attributes(), range.flags());
  }

  private long createGuestMemfd(Caller caller, long argument) {
    byte[] struct = VmStructs.read(caller, argument, CREATE_GUEST_MEMFD_BYTES);
    if (struct == null) {
      return -Errno.EFAULT;
    }
    long bytes = LittleEndian.getLong(struct, 0);
    long flags = LittleEndian.getLong(struct, 8);
    long error =
        GuestMemfd.creationError(
            vm().profile(), vm().stage2().hasPrivateMemory(), Vm.PAGE_BYTES, bytes, flags);
    if (error != 0) {
      return error;
    }
    GuestMemory memory =
        host().guestMemory(vm().stage2().guestMemfdUser(), bytes / Vm.PAGE_BYTES, (int) flags);
    return memory == null
        ? -Errno.ENOMEM
        : caller.descriptors().install(new GuestMemfdFile(vm(), memory));
  }

  /** kvm_ioctl_create_device: struct kvm_create_device is type, fd and flags. */
  private long createDevice(Caller caller, long argument) {
    byte[] struct = VmStructs.read(caller, argument, CREATE_DEVICE_BYTES);
    if (struct == null) {
      return -Errno.EFAULT;
    }
    int type = LittleEndian.getInt(struct, 0);
    if (!vm().hasDeviceType(type)) {
      return -Errno.ENODEV;
    }
    if ((LittleEndian.getInt(struct, 8) & DEVICE_TEST) == 0) {
      KvmDevice device = vm().createDevice(type);
      if (device == null) {
        return vm().deviceError(type);
      }
      long number = caller.descriptors().install(new DeviceFile(vm(), device));
      if (number < 0) {
        vm().remove(device);
        return number;
      }
      LittleEndian.putInt(struct, 4, (int) number);
    }
    return VmStructs.write(caller, argument, struct) ? 0 : -Errno.EFAULT;
  }

  /** kvm_vm_ioctl_enable_cap_generic. */
  private long enableCapability(EnableCapability request) {
    if (request == null) {
      return -Errno.EFAULT;
    }
    long argument = request.arguments()[0];
    return switch (request.capability()) {
      case Capabilities.MANUAL_DIRTY_LOG_PROTECT2 -> {
        boolean enables = (argument & GenericCapabilities.MANUAL_PROTECT) != 0;
        long allowed =
            GenericCapabilities.MANUAL_PROTECT | (enables ? GenericCapabilities.INITIALLY_SET : 0);
        if (request.flags() != 0 || (argument & ~allowed) != 0) {
          yield -Errno.EINVAL;
        }
        vm().setManualProtect(argument);
        yield 0;
      }
      // How long a waiting vCPU polls is nothing that shows in virtual time.
      case Capabilities.HALT_POLL ->
          request.flags() != 0 || argument >>> Integer.SIZE != 0 ? -Errno.EINVAL : 0;
      case Capabilities.DIRTY_LOG_RING, Capabilities.DIRTY_LOG_RING_ACQ_REL ->
          vm().checkExtension(request.capability()) == 0
              ? -Errno.EINVAL
              : enableDirtyRing((int) argument);
      case Capabilities.DIRTY_LOG_RING_WITH_BITMAP -> {
        if (!vm().traits().ringWithBitmap()
            || vm().dirtyRingBytes() == 0
            || request.flags() != 0
            || vm().slots().count() != 0) {
          yield -Errno.EINVAL;
        }
        vm().enable(Capabilities.DIRTY_LOG_RING_WITH_BITMAP);
        yield 0;
      }
      default -> {
        long answer =
            vm().arch()
                .enableCapability(request.capability(), request.flags(), request.arguments());
        yield answer == ArchVcpu.UNKNOWN ? -Errno.EINVAL : answer;
      }
    };
  }

  /** kvm_vm_ioctl_enable_dirty_log_ring. */
  private long enableDirtyRing(int bytes) {
    if (Integer.bitCount(bytes) != 1
        || Integer.compareUnsigned(bytes, DirtyRing.RESERVED * DirtyRing.ENTRY_BYTES) < 0
        || Integer.compareUnsigned(bytes, Vm.PAGE_BYTES) < 0) {
      return -Errno.EINVAL;
    }
    if (Integer.compareUnsigned(bytes, DirtyRing.MOST_BYTES) > 0) {
      return -Errno.E2BIG;
    }
    if (vm().dirtyRingBytes() != 0 || vm().vcpuCount() != 0) {
      return -Errno.EINVAL;
    }
    vm().setDirtyRing(bytes);
    return 0;
  }

  @Override
  protected void released() {
    vm().irqFds().close();
    super.released();
  }

  @Override
  public String name() {
    return "anon_inode:kvm-vm";
  }
}
