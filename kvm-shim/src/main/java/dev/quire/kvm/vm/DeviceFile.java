package dev.quire.kvm.vm;

import dev.quire.kernel.mm.Errno;
import dev.quire.kvm.abi.Ioctls;
import dev.quire.kvm.fd.Caller;
import dev.quire.kvm.vm.VmStructs.DeviceAttribute;

/** The file of a device (Linux v6.18 virt/kvm/kvm_main.c, kvm_device_ioctl). VM thread only. */
public final class DeviceFile extends VmDescriptor {
  private final KvmDevice device;

  DeviceFile(Vm vm, KvmDevice device) {
    super(vm);
    this.device = device;
  }

  @Override
  public long ioctl(Caller caller, int request, long argument) {
    if (!vm().belongsTo(caller)) {
      return -Errno.EIO;
    }
    if (request != Ioctls.SET_DEVICE_ATTR
        && request != Ioctls.GET_DEVICE_ATTR
        && request != Ioctls.HAS_DEVICE_ATTR) {
      return -Errno.ENOTTY;
    }
    if (request == Ioctls.GET_DEVICE_ATTR && !device.isReadable()) {
      return -Errno.EPERM;
    }
    DeviceAttribute attribute = DeviceAttribute.read(caller, argument);
    if (attribute == null) {
      return -Errno.EFAULT;
    }
    int group = attribute.group();
    long number = attribute.attribute();
    return switch (request) {
      case Ioctls.SET_DEVICE_ATTR ->
          device.setAttribute(caller, group, number, attribute.address());
      case Ioctls.GET_DEVICE_ATTR ->
          device.getAttribute(caller, group, number, attribute.address());
      default -> device.hasAttribute(group, number);
    };
  }

  /** Its file operations have no llseek. */
  @Override
  protected long llseek(long position, long offset, int whence) {
    return -Errno.ESPIPE;
  }

  @Override
  protected void released() {
    if (device.endsWithFile()) {
      vm().remove(device);
    }
    super.released();
  }

  @Override
  public String name() {
    return "anon_inode:" + device.name();
  }
}
