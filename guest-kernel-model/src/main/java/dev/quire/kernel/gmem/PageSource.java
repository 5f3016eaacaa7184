package dev.quire.kernel.gmem;

/** Where the pages come from that write(2) puts into a guest_memfd. On the kernel's thread. */
@FunctionalInterface
public interface PageSource {
  /**
   * Copies a page to where the file has it.
   *
   * @param index of the page among those written, from 0
   * @param page of the file, as the kernel counts its frames
   * @return false if the caller's bytes cannot be read
   */
  boolean copy(long index, long page);
}
