package dev.quire.kernel.mm;

/** The bytes behind frames, as far as an address space must change them. */
public interface FrameStorage {
  /** Fills the 2^order frames from {@code pfn} with zeros. */
  void zero(long pfn, int order);

  /** Copies the bytes of 2^order frames to others; the two ranges do not overlap. */
  void copy(long fromPfn, long toPfn, int order);

  /** Whether nothing but zeros is in a frame of 2^order pages. */
  boolean isZero(long pfn, int order);

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
