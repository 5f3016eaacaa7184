package dev.quire.kernel.kvm;

import dev.quire.kernel.gmem.GuestMemfd;
import dev.quire.mmu.Order;
import java.util.Arrays;

/**
 * One guest memory region. Immutable but for its dirty bitmap.
 *
 * <p>{@code baseGfn} and {@code pages} in 4 KiB units, {@code hva} in bytes.
 */
public final class MemSlot {
  private final int id;
  private final long baseGfn;
  private final long pages;
  private final long hva;
  private final int flags;
  private final int baseOrder;
  private final long[] dirty;

  /** Null if the slot is bound to none. */
  private final GuestMemfd file;

  private final long pgoff;

  /**
   * @param file what the slot is bound to, or null
   * @param pgoff where in it the slot begins, in the host's base pages
   * @param dirty its bitmap, a bit for each of the host's base pages; null for a slot without
   */
  MemSlot(
      int id,
      long baseGfn,
      long pages,
      long hva,
      int flags,
      int baseOrder,
      GuestMemfd file,
      long pgoff,
      long[] dirty) {
    this.file = file;
    this.pgoff = pgoff;
    this.id = id;
    this.baseGfn = baseGfn;
    this.pages = pages;
    this.hva = hva;
    this.flags = flags;
    this.baseOrder = baseOrder;
    this.dirty = dirty;
  }

  public int id() {
    return id;
  }

  public long baseGfn() {
    return baseGfn;
  }

  public long pages() {
    return pages;
  }

  public long hva() {
    return hva;
  }

  public int flags() {
    return flags;
  }

  public boolean isReadonly() {
    return (flags & MemSlots.READONLY) != 0;
  }

  public boolean logsDirtyPages() {
    return (flags & MemSlots.LOG_DIRTY_PAGES) != 0;
  }

  /** Whether there is a bitmap of its dirty pages: a dirty ring does without. */
  public boolean hasDirtyBitmap() {
    return dirty != null;
  }

  /** The bitmap itself, or null. */
  long[] dirty() {
    return dirty;
  }

  /** The guest_memfd that the slot is bound to, or null. */
  public GuestMemfd guestMemfd() {
    return file;
  }

  /** Whether all its memory is the guest_memfd's, and its host address without effect on guests. */
  public boolean isGuestMemfdOnly() {
    return file != null && file.isMappable();
  }

  /** Where in its guest_memfd the slot begins, in the host's base pages. */
  long pgoff() {
    return pgoff;
  }

  /** The page of its guest_memfd that a gfn is, in the host's base pages. */
  public long pgoffOf(long gfn) {
    return pgoff + (gfn - baseGfn >>> baseOrder);
  }

  public boolean contains(long gfn) {
    return gfn >= baseGfn && gfn - baseGfn < pages;
  }

  /** The host address of a gfn in this slot. */
  public long hvaOf(long gfn) {
    return hva + (gfn - baseGfn << Order.BASE_PAGE_SHIFT);
  }

  /** Records a write; without effect unless the slot has a bitmap. */
  public void markDirty(long gfn) {
    if (dirty != null) {
      long page = gfn - baseGfn >>> baseOrder;
      dirty[(int) (page >>> 6)] |= 1L << page;
    }
  }

  /** The bitmap so far, the host's base page n at bit n % 64 of word n / 64; starts a new one. */
  long[] takeDirty() {
    long[] taken = dirty.clone();
    Arrays.fill(dirty, 0);
    return taken;
  }

  @Override
  public String toString() {
    return "slot %d gfn 0x%x+0x%x hva 0x%x flags %d".formatted(id, baseGfn, pages, hva, flags);
  }
}
