package dev.quire.kernel.mm;

import java.util.List;

/**
 * A process of a modelled kernel, as user space knows it. System calls return what Linux returns:
 * zero or more, or -errno ({@link Errno}); addresses and lengths are bytes and may be anything.
 * Used on the kernel's thread.
 */
public final class Process {
  private final Kernel kernel;
  private long minorFaults;
  private long majorFaults;

  Process(Kernel kernel) {
    this.kernel = kernel;
  }

  public Kernel kernel() {
    return kernel;
  }

  /**
   * mmap(2).
   *
   * @param prot PROT_ bits of {@link Mman}
   * @param flags MAP_ bits of {@link Mman}
   * @param file null with MAP_ANONYMOUS
   * @return the address
   */
  public long mmap(long address, long bytes, int prot, int flags, OpenFile file, long offset) {
    throw new UnsupportedOperationException("mmap");
  }

  public long munmap(long address, long bytes) {
    throw new UnsupportedOperationException("munmap");
  }

  public long mprotect(long address, long bytes, int prot) {
    throw new UnsupportedOperationException("mprotect");
  }

  /** mremap(2): {@code newAddress} counts with MREMAP_FIXED or MREMAP_DONTUNMAP only. */
  public long mremap(long address, long oldBytes, long newBytes, int flags, long newAddress) {
    throw new UnsupportedOperationException("mremap");
  }

  /** madvise(2), {@code advice} one of MADV_ of {@link Mman}. */
  public long madvise(long address, long bytes, int advice) {
    throw new UnsupportedOperationException("madvise");
  }

  public long mlock(long address, long bytes) {
    throw new UnsupportedOperationException("mlock");
  }

  public long munlock(long address, long bytes) {
    throw new UnsupportedOperationException("munlock");
  }

  /**
   * mincore(2).
   *
   * @param vector one byte for each page; filled as far as the call gets
   */
  public long mincore(long address, long bytes, byte[] vector) {
    throw new UnsupportedOperationException("mincore");
  }

  /** fork(2): the child. */
  public Process fork() {
    throw new UnsupportedOperationException("fork");
  }

  /** _exit(2): the address space goes; nothing may be called on the process afterwards. */
  public void exit() {
    throw new UnsupportedOperationException("exit");
  }

  /** One access of user space to one byte; a write leaves a byte that is not zero. */
  public int touch(long address, boolean write) {
    return touch(address, write, 1);
  }

  /**
   * One access of user space to one byte.
   *
   * @param value what a write stores: the model knows of a page whether it holds anything but zeros
   * @return {@link UserSignal}: 0 if the access went through
   */
  public int touch(long address, boolean write, int value) {
    throw new UnsupportedOperationException("touch");
  }

  /** ru_minflt. */
  public long minorFaults() {
    return minorFaults;
  }

  /** ru_majflt. */
  public long majorFaults() {
    return majorFaults;
  }

  /**
   * A new file.
   *
   * @param pages its size
   * @return null if the kernel has no such files
   */
  public OpenFile open(FileKind kind, long pages) {
    FileSystems files = kernel.fileSystems();
    return files == null ? null : files.open(kind, pages);
  }

  /** What /proc says of the pages of a range. */
  public void pagemap(long address, long bytes, PageVisitor visitor) {
    throw new UnsupportedOperationException("pagemap");
  }

  /** /proc/PID/smaps. */
  public List<VmaReport> smaps() {
    throw new UnsupportedOperationException("smaps");
  }
}
