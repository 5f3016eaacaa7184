package dev.quire.kernel.mm;

/**
 * Gives out frames of modelled host memory. The layout it chooses is the machine's contiguity. Used
 * from one thread at a time.
 */
public interface FrameAllocator {
  /** What {@link #allocate} returns when no frame of the order is left. */
  long NONE = -1;

  /** The first pfn of 2^order free frames, aligned to their size, or {@link #NONE}. */
  long allocate(int order);

  /**
   * Takes back what {@link #allocate} gave, whole or in aligned parts.
   *
   * @throws IllegalArgumentException if a frame is not allocated
   */
  void free(long pfn, int order);

  long totalPages();

  long freePages();
}
