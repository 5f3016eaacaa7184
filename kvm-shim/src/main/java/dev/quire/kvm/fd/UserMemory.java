package dev.quire.kvm.fd;

/**
 * Memory of the process that makes a call, as copy_from_user and copy_to_user reach it. On the wire
 * it is what the client sent along; in a replay it is a modelled process's. Addresses are that
 * process's. On the thread of the call.
 */
public interface UserMemory {
  /**
   * Copies bytes in.
   *
   * @return false if they cannot all be read (EFAULT)
   */
  boolean read(long address, byte[] target, int offset, int bytes);

  /**
   * Copies bytes out.
   *
   * @return false if they cannot all be written (EFAULT)
   */
  boolean write(long address, byte[] source, int offset, int bytes);
}
