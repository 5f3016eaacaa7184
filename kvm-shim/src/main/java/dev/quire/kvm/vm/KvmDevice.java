package dev.quire.kvm.vm;

import dev.quire.kernel.mm.Errno;
import dev.quire.kvm.fd.Caller;

/**
 * A device made by KVM_CREATE_DEVICE; its attributes are all there is to it. On the VM's thread.
 * Methods return 0 or -errno.
 */
public interface KvmDevice extends AutoCloseable {
  /** As /proc/PID/fd shows it: {@code kvm-vfio}. */
  String name();

  /**
   * KVM_SET_DEVICE_ATTR.
   *
   * @param address of the attribute's value in the caller's memory
   */
  long setAttribute(Caller caller, int group, long attribute, long address);

  /** KVM_GET_DEVICE_ATTR of a device that {@link #isReadable}. */
  default long getAttribute(Caller caller, int group, long attribute, long address) {
    return -Errno.EPERM;
  }

  /** KVM_HAS_DEVICE_ATTR. */
  long hasAttribute(int group, long attribute);

  /** Whether attributes can be read at all; else EPERM. */
  default boolean isReadable() {
    return true;
  }

  /** Whether closing its file ends it, and not the end of the VM. */
  default boolean endsWithFile() {
    return false;
  }

  @Override
  void close();
}
