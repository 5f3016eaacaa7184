package dev.quire.mmu;

/**
 * Host physical memory as a walker sees it. All values are little-endian.
 *
 * <p>Callers check {@link #contains} first: an access outside throws {@link
 * IndexOutOfBoundsException}, which must never happen for an address that comes from a guest.
 */
public interface PhysicalMemory {
  /** Whether the {@code bytes} at {@code pa} are all backed. Never throws, whatever the address. */
  boolean contains(long pa, long bytes);

  long readLong(long pa);

  int readInt(long pa);

  void writeLong(long pa, long value);

  void writeInt(long pa, int value);

  /** Atomically replaces a table entry; the way accessed and dirty bits are set. */
  boolean compareAndSetLong(long pa, long expected, long value);

  /** As {@link #compareAndSetLong} for 4-byte entries (x86 32-bit paging). */
  boolean compareAndSetInt(long pa, int expected, int value);
}
