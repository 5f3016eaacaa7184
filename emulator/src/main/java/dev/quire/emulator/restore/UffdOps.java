package dev.quire.emulator.restore;

/**
 * What a handler can do about guest memory: the ioctls of its userfaultfd, and filling the page
 * cache through its own mapping or write(2). Each call is executed by the machine's thread on the
 * modelled kernel, and returns when it is done. Addresses are the VMM's, lengths are bytes, whole
 * pages both.
 *
 * <p>Any handler thread may call, one call at a time each.
 *
 * @throws UffdCallException from every call that the kernel refuses
 */
public interface UffdOps {
  /** Where guest memory lies. */
  GuestLayout layout();

  /** UFFDIO_COPY out of the handler's mapping of the snapshot's memory file, and a wake-up. */
  void copy(long address, long fileOffset, long bytes);

  /** UFFDIO_COPY out of a buffer, and a wake-up. */
  void copy(long address, byte[] contents);

  /** UFFDIO_ZEROPAGE, and a wake-up. */
  void zero(long address, long bytes);

  /**
   * Puts bytes of the snapshot's memory file into the page cache behind a shared mapping, without
   * mapping them there.
   */
  void fill(long address, long fileOffset, long bytes);

  /** As {@link #fill(long, long, long)} out of a buffer. */
  void fill(long address, byte[] contents);

  /** UFFDIO_CONTINUE: maps what the page cache has, and a wake-up. */
  void resume(long address, long bytes);

  /** UFFDIO_POISON: whoever touches it gets SIGBUS. */
  void poison(long address, long bytes);

  /** UFFDIO_WAKE. */
  void wake(long address, long bytes);
}
