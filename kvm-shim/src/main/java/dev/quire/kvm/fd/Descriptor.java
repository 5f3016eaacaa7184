package dev.quire.kvm.fd;

import dev.quire.kernel.mm.Errno;

/**
 * An open file description of the service. Counted: made with one reference, released with the
 * last. Each belongs to one thread (its VM's), on which all methods are called.
 */
public abstract class Descriptor {
  private int references = 1;

  /** The file's position: 0 of one that can be neither read nor written. */
  private long position;

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
   * Memory behind a page of the file, to be mapped shared by the caller. It holds the page at
   * {@link #indexInPages} and what follows in the file up to its end; behind that, ask again: the
   * coalesced ring is one for all vCPUs of a VM, and so lies apart from a vCPU's other pages.
   *
   * @param page offset in pages of 4 KiB
   * @return null where a mapping has no memory: touching it is SIGBUS
   */
  public SharedPages pages(long page) {
    return null;
  }

  /** The page of {@link #pages} that a page of the file is. */
  public long indexInPages(long page) {
    return 0;
  }

  /**
   * Why mmap is refused: 0 or -errno.
   *
   * @param page offset in pages of 4 KiB
   * @param shared whether MAP_SHARED
   * @param executable whether PROT_EXEC
   */
  public long mmapError(long page, long pages, boolean shared, boolean executable) {
    return -Errno.ENODEV;
  }

  /** read(2) at a position: bytes read, or -errno. */
  public long read(long position, byte[] target) {
    return -Errno.EINVAL;
  }

  /** read(2) where the last one ended: bytes read, or -errno. */
  public long readOn(byte[] target) {
    long result = read(position, target);
    position += Math.max(0, result);
    return result;
  }

  /** write(2) at a position: bytes written, or -errno. */
  public long write(long position, UserBytes from) {
    return -Errno.EINVAL;
  }

  /** write(2) where the last one ended: bytes written, or -errno. */
  public long writeOn(UserBytes from) {
    long result = write(position, from);
    position += Math.max(0, result);
    return result;
  }

  /**
   * lseek(2): the new position, or -errno.
   *
   * @param whence SEEK_SET to SEEK_HOLE, 0 to 4
   */
  public final long seek(long offset, int whence) {
    long target = llseek(position, offset, whence);
    position = target < 0 ? position : target;
    return target;
  }

  /** Where lseek(2) takes the file: most stay where they are (noop_llseek). */
  protected long llseek(long position, long offset, int whence) {
    return position;
  }

  /** What /proc/PID/fd shows, such as {@code anon_inode:kvm-vm}. */
  public abstract String name();
}
