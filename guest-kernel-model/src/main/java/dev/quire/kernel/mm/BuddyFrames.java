package dev.quire.kernel.mm;

import dev.quire.kernel.page.Folios;
import dev.quire.kernel.page.FrameTable;

/**
 * The page allocator of a modelled kernel as the source of a host's frames: orders and frames count
 * 4 KiB here and base pages there. A folio that is given back in parts is split.
 */
public final class BuddyFrames implements FrameAllocator {
  private final Folios folios;
  private final int baseOrder;

  /**
   * @param granule the kernel's base page
   */
  public BuddyFrames(Folios folios, HostGranule granule) {
    this.folios = folios;
    this.baseOrder = granule.baseOrder();
  }

  /**
   * {@inheritDoc}
   *
   * @throws IllegalArgumentException if the order is smaller than the kernel's base page
   */
  @Override
  public long allocate(int order) {
    long folio = folios.allocator().allocate(pages(order));
    return folio == FrameTable.NONE ? NONE : folio << baseOrder;
  }

  private int pages(int order) {
    if (order < baseOrder) {
      throw new IllegalArgumentException(
          "order %d is less than a base page, order %d".formatted(order, baseOrder));
    }
    return order - baseOrder;
  }

  @Override
  public void free(long pfn, int order) {
    int pages = pages(order);
    long first = pfn >> baseOrder;
    FrameTable frames = folios.frames();
    long aligned = -1L << order;
    if (pfn < 0 || pfn != (pfn & aligned) || first + (1L << pages) > frames.frames()) {
      throw unallocated(pfn, order);
    }
    long folio = frames.folioOf(first);
    if (frames.refCount(folio) != 1 || first + (1L << pages) > folio + frames.pages(folio)) {
      throw unallocated(pfn, order);
    }
    if (frames.order(folio) > pages) {
      folios.split(folio, pages, 1);
    }
    folios.put(first, 1);
  }

  private static IllegalArgumentException unallocated(long pfn, int order) {
    return new IllegalArgumentException(
        "pfn 0x%x, order %d, is not allocated".formatted(pfn, order));
  }

  @Override
  public long totalPages() {
    return folios.allocator().totalPages() << baseOrder;
  }

  @Override
  public long freePages() {
    return folios.allocator().freePages() << baseOrder;
  }
}
