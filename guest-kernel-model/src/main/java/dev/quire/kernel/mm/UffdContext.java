package dev.quire.kernel.mm;

/**
 * The userfaultfd a mapping is registered with, as mm sees it (struct userfaultfd_ctx): it takes
 * faults and events, and may make whoever caused them wait. Used on the kernel's thread.
 */
public interface UffdContext {
  /** UFFD_FEATURE_ bits of {@link UffdFeature} that user space asked for. */
  long features();

  default boolean has(long feature) {
    return (features() & feature) != 0;
  }

  /**
   * A fault that user space should resolve (handle_userfault).
   *
   * @param reason one of {@link VmFlags#UFFD_MISSING}, {@link VmFlags#UFFD_WP}, {@link
   *     VmFlags#UFFD_MINOR}
   * @return {@link VmFault#RETRY} if the access waits, with {@link FaultContext#setWait} called; or
   *     {@link VmFault#SIGBUS}
   */
  int fault(FaultContext fault, long reason);

  /** A context like this for a child, which is told of it by {@link #forked} (dup_userfaultfd). */
  UffdContext forChild(Process child);

  /**
   * An event will come: until it was read, calls that change memory answer EAGAIN (mmap_changing).
   */
  void announce();

  /** An event that was announced will not come after all. */
  void retract();

  /** UFFD_EVENT_FORK: the child whose context is {@code child} is there. */
  UffdWait forked(UffdContext child);

  /** UFFD_EVENT_REMAP. */
  UffdWait remapped(long from, long to, long bytes);

  /** UFFD_EVENT_REMOVE: the pages of a range are about to go. */
  UffdWait removed(long start, long end);

  /** UFFD_EVENT_UNMAP: a range is not mapped any more. */
  UffdWait unmapped(long start, long end);
}
