package dev.quire.kernel.kvm;

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

  MemSlot(int id, long baseGfn, long pages, long hva, int flags, int baseOrder) {
    this.id = id;
    this.baseGfn = baseGfn;
    this.pages = pages;
    this.hva = hva;
    this.flags = flags;
    boolean logs = (flags & MemSlots.LOG_DIRTY_PAGES) != 0;
    this.baseOrder = baseOrder;
    this.dirty = logs ? new long[(int) ((pages >>> baseOrder) + Long.SIZE - 1 >>> 6)] : null;
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
    return dirty != null;
  }

  public boolean contains(long gfn) {
    return gfn >= baseGfn && gfn - baseGfn < pages;
  }

  /** The host address of a gfn in this slot. */
  public long hvaOf(long gfn) {
    return hva + (gfn - baseGfn << Order.BASE_PAGE_SHIFT);
  }

  /** Records a write; without effect unless the slot logs dirty pages. */
  void markDirty(long gfn) {
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
