package dev.quire.kernel.mm;

/** Host memory behind a guest: mapped by a VMM, faulted in by KVM, disturbed by the host. */
public interface GuestBacking extends HostAddressSpace, HostMemoryEvents {
  /** Maps {@code bytes} at {@code hva}, absent at first. */
  void map(long hva, long bytes);

  /**
   * Gives back the pages of a range, as madvise(MADV_DONTNEED): mappings stay, the next touch finds
   * zeros.
   */
  void discard(long hva, long bytes);
}
