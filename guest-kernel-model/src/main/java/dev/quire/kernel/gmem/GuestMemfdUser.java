package dev.quire.kernel.gmem;

/**
 * The VM that a guest_memfd belongs to, as the file knows it: whoever maps its pages into a guest.
 * Used on the machine's executor thread.
 */
public interface GuestMemfdUser {
  /**
   * Pages of the file are about to go (kvm_gmem_invalidate_begin): no guest may reach them when
   * this returns, nor until {@link #invalidateEnd}.
   *
   * @param first page of the file, in base pages
   * @param end behind the last
   */
  void invalidateStart(GuestMemfd file, long first, long end);

  void invalidateEnd(GuestMemfd file, long first, long end);
}
