package dev.quire.kvm.vm;

import dev.quire.kernel.mm.Errno;
import dev.quire.kvm.abi.LittleEndian;
import dev.quire.kvm.fd.Caller;

/**
 * KVM_DEV_TYPE_VFIO: where a client names the VFIO files of its VM. Nobody has any here, so that
 * none can be added (Linux v6.18 virt/kvm/vfio.c).
 */
final class VfioDevice implements KvmDevice {
  /** KVM_DEV_TYPE_VFIO. */
  static final int TYPE = 4;

  private static final int FILE = 1;
  private static final int FILE_ADD = 1;
  private static final int FILE_DEL = 2;

  private final Runnable closed;

  VfioDevice(Runnable closed) {
    this.closed = closed;
  }

  @Override
  public String name() {
    return "kvm-vfio";
  }

  @Override
  public long setAttribute(Caller caller, int group, long attribute, long address) {
    if (hasAttribute(group, attribute) != 0) {
      return -Errno.ENXIO;
    }
    byte[] number = VmStructs.read(caller, address, Integer.BYTES);
    if (number == null) {
      return -Errno.EFAULT;
    }
    if (caller.descriptors().find(LittleEndian.getInt(number, 0)) == null) {
      return -Errno.EBADF;
    }
    return attribute == FILE_ADD ? -Errno.EINVAL : -Errno.ENOENT;
  }

  @Override
  public long hasAttribute(int group, long attribute) {
    return group == FILE && (attribute == FILE_ADD || attribute == FILE_DEL) ? 0 : -Errno.ENXIO;
  }

  @Override
  public boolean isReadable() {
    return false;
  }

  @Override
  public boolean endsWithFile() {
    return true;
  }

  @Override
  public void close() {
    closed.run();
  }
}
