package dev.quire.kernel.mm;

import dev.quire.mmu.Order;

/** The bytes behind frames, as far as an address space must change them. */
public interface FrameStorage {
  /** Fills the 2^order frames from {@code pfn} with zeros. */
  void zero(long pfn, int order);

  /** Copies the bytes of 2^order frames to others; the two ranges do not overlap. */
  void copy(long fromPfn, long toPfn, int order);

  /** Whether nothing but zeros is in a frame of 2^order pages. */
  boolean isZero(long pfn, int order);

  /**
   * A system call copies bytes of the calling process into a frame: UFFDIO_COPY, write(2).
   *
   * @param offset first byte in the 4 KiB frame
   * @param bytes not beyond the frame's end
   * @param userAddress where the process has them: what it means is between who made the call and
   *     who keeps the bytes
   */
  default void copyFromUser(long pfn, int offset, int bytes, long userAddress) {}

  /** The same for a whole frame. */
  default void copyFromUser(long pfn, long userAddress) {
    copyFromUser(pfn, 0, 1 << Order.BASE_PAGE_SHIFT, userAddress);
  }

  /**
   * The page cache reads a frame of a file with content from its disk; what lies behind the file's
   * end is zeros.
   *
   * @param pgoff in pages of 4 KiB
   */
  default void readFromFile(long pfn, OpenFile file, long pgoff) {}

  /**
   * Copies some bytes between two frames, counted from the frame's start; both may go on into the 4
   * KiB frames behind, as far as a base page does.
   */
  default void copyBytes(long fromPfn, int fromOffset, long toPfn, int toOffset, int bytes) {}

  /** For a model of addresses alone: frames without bytes. */
  static FrameStorage none() {
    return new FrameStorage() {
      @Override
      public void zero(long pfn, int order) {}

      @Override
      public void copy(long fromPfn, long toPfn, int order) {}

      @Override
      public boolean isZero(long pfn, int order) {
        return true;
      }
    };
  }
}
