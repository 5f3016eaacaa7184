package dev.quire.kernel.mm;

/**
 * What userfaultfd does to the address space of a process (Linux v6.18 mm/userfaultfd.c). Ranges
 * are checked by {@link #rangeError} before. Used on the kernel's thread.
 */
public final class UffdMemory {
  /** vm.mmap_min_addr. */
  private static final long MIN_ADDRESS = 65536;

  private final Kernel kernel;

  UffdMemory(Kernel kernel) {
    this.kernel = kernel;
  }

  /** How missing pages are filled (enum mfill_atomic_mode). */
  public enum Fill {
    COPY,
    ZEROPAGE,
    CONTINUE,
    POISON
  }

  /** Is told of a range whose waiters are to be woken. */
  public interface Wake {
    void wake(long start, long bytes);
  }

  /** validate_range: 0 or -errno. */
  public long rangeError(long start, long bytes) {
    return (start & kernel.pageBytes() - 1) != 0
        ? -Errno.EINVAL
        : unalignedRangeError(start, bytes);
  }

  /** validate_unaligned_range: 0 or -errno. */
  public long unalignedRangeError(long start, long bytes) {
    boolean legal =
        (bytes & kernel.pageBytes() - 1) == 0
            && bytes > 0
            && start >= MIN_ADDRESS
            && start < kernel.taskSize()
            && bytes <= kernel.taskSize() - start;
    return legal ? 0 : -Errno.EINVAL;
  }

  /**
   * Registers the mappings of a range.
   *
   * @param modes UFFD_ flags of {@link VmFlags}
   * @return 0 or -errno
   */
  public long register(Process owner, UffdContext context, long start, long end, long modes) {
    return -Errno.EINVAL;
  }

  /** Whether a range holds a mapping of hugetlb. */
  public boolean holdsHugetlb(Process owner, long start, long end) {
    return false;
  }

  /** Ends the registration of the mappings of a range, and wakes who waits for their pages. */
  public long unregister(Process owner, UffdContext context, long start, long end, Wake wake) {
    return -Errno.EINVAL;
  }

  /** The descriptor is closed: all its registrations end. */
  public void release(Process owner, UffdContext context) {}

  /** As {@link #release}, of a context that no descriptor was ever made for. */
  public void forget(Process owner, UffdContext context) {}

  /**
   * Fills pages of a registered range.
   *
   * @param caller whose memory a copy reads; null if it is not modelled
   * @param protect write-protect them too
   * @return bytes done, or -errno if none
   */
  public long fill(
      Process owner,
      Process caller,
      Fill kind,
      long start,
      long source,
      long bytes,
      boolean protect) {
    return -Errno.EINVAL;
  }

  /** Write-protects pages of a range, or ends that: 0 or -errno. */
  public long writeProtect(Process owner, long start, long end, boolean protect) {
    return -Errno.EINVAL;
  }

  /**
   * Moves pages of private anonymous memory.
   *
   * @return bytes done, or -errno if none
   */
  public long move(
      Process owner,
      UffdContext context,
      long destination,
      long source,
      long bytes,
      boolean allowHoles) {
    return -Errno.EINVAL;
  }
}
