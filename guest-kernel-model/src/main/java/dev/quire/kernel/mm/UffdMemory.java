package dev.quire.kernel.mm;

/**
 * What userfaultfd does to the address space of a process (Linux v6.18 mm/userfaultfd.c). Ranges
 * are checked by {@link #rangeError} before. Used on the kernel's thread.
 */
public final class UffdMemory {
  private final Kernel kernel;
  private final UffdRegions regions;
  private final UffdFill fill;
  private final UffdMove move;

  UffdMemory(Kernel kernel, MmCalls calls, UserAccess userAccess) {
    this.kernel = kernel;
    this.regions = calls.uffdRegions;
    this.fill = new UffdFill(kernel, userAccess);
    this.move = calls.uffdMove;
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

  /**
   * validate_unaligned_range: 0 or -errno. The kernel that was asked (6.18.44) lets any low address
   * pass, whatever its vm.mmap_min_addr says.
   */
  public long unalignedRangeError(long start, long bytes) {
    boolean legal =
        (bytes & kernel.pageBytes() - 1) == 0
            && bytes > 0
            && start >= 0
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
    return regions.register(owner.mm(), context, start, end, modes);
  }

  /** Whether a range holds a mapping of hugetlb. */
  public boolean holdsHugetlb(Process owner, long start, long end) {
    return regions.holdsHugetlb(owner.mm(), start, end);
  }

  /** Ends the registration of the mappings of a range, and wakes who waits for their pages. */
  public long unregister(Process owner, UffdContext context, long start, long end, Wake wake) {
    return regions.unregister(owner.mm(), context, start, end, wake);
  }

  /** The descriptor is closed: all its registrations end. */
  public void release(Process owner, UffdContext context) {
    regions.release(owner.mm(), context);
  }

  /** As {@link #release}, of a context that no descriptor was ever made for. */
  public void forget(Process owner, UffdContext context) {
    regions.forget(owner.mm(), context);
  }

  /**
   * Fills pages of a registered range.
   *
   * @param caller whose memory a copy reads; null if it is not modelled
   * @param protect write-protect them too
   * @return bytes done, or -errno if none; {@link Process#BLOCKED} if reading the source waits
   */
  public long fill(
      Process owner,
      Process caller,
      Fill kind,
      long start,
      long source,
      long bytes,
      boolean protect) {
    return fill.fill(owner.mm(), caller, kind, start, source, bytes, protect);
  }

  /** Bytes that the last {@link #fill} did, which counts where it was blocked. */
  public long filled() {
    return fill.filled();
  }

  /** Write-protects pages of a range, or ends that: 0 or -errno. */
  public long writeProtect(Process owner, long start, long end, boolean protect) {
    return regions.writeProtect(owner.mm(), start, end, protect);
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
    return move.move(owner.mm(), context, destination, source, bytes, allowHoles);
  }
}
