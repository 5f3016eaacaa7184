package dev.quire.kvm.fd;

import dev.quire.kernel.mm.Errno;

/**
 * An open file description of the service. Counted: made with one reference, released with the
 * last. Each belongs to one thread (its VM's), on which all methods are called.
 */
public abstract class Descriptor {
  private int references = 1;

  /** Takes a reference: a dup, a fork, a file that keeps another open. */
  public final void get() {
    references++;
  }

  /** Gives one back. */
  public final void put() {
    if (references <= 0) {
      throw new IllegalStateException(name() + " was released before");
    }
    if (--references == 0) {
      released();
    }
  }

  /** The last reference is gone. */
  protected void released() {}

  /**
   * ioctl(2).
   *
   * @param request the low 32 bits, direction and size included
   * @param argument an address, or the value itself
   * @return the result, or -errno
   */
  public long ioctl(Caller caller, int request, long argument) {
    return -Errno.ENOTTY;
  }

  /**
   * Memory behind a page of the file, to be mapped shared by the caller.
   *
   * @param page offset in pages of 4 KiB
   * @return null where mmap gives no memory
   */
  public SharedPages pages(long page) {
    return null;
  }

  /** read(2) at a position: bytes read, or -errno. */
  public long read(long position, byte[] target) {
    return -Errno.EINVAL;
  }

  /** What /proc/PID/fd shows, such as {@code anon_inode:kvm-vm}. */
  public abstract String name();
}
