package dev.quire.kernel.gmem;

/**
 * Bytes of a guest_memfd that lie outside what the kernel allocates from, in one run of frames, so
 * that a process that the kernel does not model can have them mapped. On the kernel's thread.
 */
public interface SharedBytes {
  /** The frame of the file's first page; the others follow. */
  long firstPfn();

  /** Whether the other process may have put something into a page that the kernel has not used. */
  boolean isTouched(long page);

  /** Pages of the file are gone: whoever looks there next finds zeros. */
  void punched(long firstPage, long pages);
}
