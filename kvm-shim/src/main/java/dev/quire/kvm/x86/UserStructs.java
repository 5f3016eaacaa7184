package dev.quire.kvm.x86;

import dev.quire.kernel.mm.Errno;
import dev.quire.kvm.fd.Caller;

/** copy_from_user and copy_to_user of whole structures. */
final class UserStructs {
  private UserStructs() {}

  /** A copy of the bytes at an address, or null (EFAULT). */
  static byte[] copyIn(Caller caller, long address, int bytes) {
    byte[] copy = new byte[bytes];
    return caller.memory().read(address, copy, 0, bytes) ? copy : null;
  }

  /**
   * Copies out.
   *
   * @return 0 or -EFAULT
   */
  static long copyOut(Caller caller, long address, byte[] bytes) {
    return caller.memory().write(address, bytes, 0, bytes.length) ? 0 : -Errno.EFAULT;
  }
}
