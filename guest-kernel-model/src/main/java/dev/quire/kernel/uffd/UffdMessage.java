package dev.quire.kernel.uffd;

/**
 * One message read from a userfaultfd (struct uffd_msg); addresses and lengths in bytes. Which
 * components count depends on the event; the others are 0 or null.
 *
 * @param flags of a fault: {@link #WRITE}, {@link #WP}, {@link #MINOR}
 * @param address of a fault; else where the range starts, or was before a remap
 * @param end exclusive, of a range removed or unmapped
 * @param to where a range was moved to
 * @param bytes that were moved
 * @param thread that faulted, with UFFD_FEATURE_THREAD_ID
 * @param child the descriptor for the child of a fork
 */
public record UffdMessage(
    Event event,
    int flags,
    long address,
    long end,
    long to,
    long bytes,
    int thread,
    Userfaultfd child) {
  /** Bytes of struct uffd_msg. */
  public static final int BYTES = 32;

  /** UFFD_PAGEFAULT_FLAG_WRITE. */
  public static final int WRITE = 1;

  /** UFFD_PAGEFAULT_FLAG_WP. */
  public static final int WP = 1 << 1;

  /** UFFD_PAGEFAULT_FLAG_MINOR. */
  public static final int MINOR = 1 << 2;

  /** UFFD_EVENT_ constants. */
  public enum Event {
    PAGEFAULT(0x12),
    FORK(0x13),
    REMAP(0x14),
    REMOVE(0x15),
    UNMAP(0x16);

    private final int number;

    Event(int number) {
      this.number = number;
    }

    /** The value in the first byte of the message. */
    public int number() {
      return number;
    }
  }

  static UffdMessage fault(int flags, long address, int thread) {
    return new UffdMessage(Event.PAGEFAULT, flags, address, 0, 0, 0, thread, null);
  }

  static UffdMessage fork(Userfaultfd child) {
    return new UffdMessage(Event.FORK, 0, 0, 0, 0, 0, 0, child);
  }

  static UffdMessage remap(long from, long to, long bytes) {
    return new UffdMessage(Event.REMAP, 0, from, 0, to, bytes, 0, null);
  }

  static UffdMessage range(Event event, long start, long end) {
    return new UffdMessage(event, 0, start, end, 0, 0, 0, null);
  }
}
