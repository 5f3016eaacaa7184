package dev.quire.kernel.mm;

import dev.quire.kernel.page.FrameTable;
import dev.quire.kernel.page.PageFlag;
import dev.quire.mmu.Order;

/**
 * What the pages of user memory and of files hold: bytes, where the kernel has a {@link
 * FrameStorage}, or else only whether it is more than zeros. Pages are base pages of the kernel.
 * Used on the kernel's thread; allocates nothing.
 */
public final class PageContents {
  private final FrameTable frames;
  private final int baseOrder;

  /** Null where the kernel only notes which pages hold zeros. */
  private FrameStorage storage;

  /**
   * @param baseOrder {@link Order} of the kernel's base page
   */
  public PageContents(FrameTable frames, int baseOrder) {
    this.frames = frames;
    this.baseOrder = baseOrder;
  }

  void setStorage(FrameStorage bytes) {
    storage = bytes;
  }

  /** Pages were cleared. */
  public void cleared(long page, int order) {
    if (storage != null) {
      storage.zero(page << baseOrder, order + baseOrder);
    }
  }

  /** A page was copied to another, or several to several. */
  public void copied(long from, long to, int pages) {
    for (int i = 0; i < pages; i++) {
      frames.set(to + i, frames.flags(from + i) & PageFlag.NONZERO);
      if (storage != null) {
        storage.copy(from + i << baseOrder, to + i << baseOrder, baseOrder);
      }
    }
  }

  /**
   * A page was copied from the end of one page, from {@code offset} on, and the start of another.
   */
  void copiedUnaligned(long first, long second, int offset, long to) {
    frames.set(to, (frames.flags(first) | frames.flags(second)) & PageFlag.NONZERO);
    if (storage != null) {
      int rest = (int) Order.bytes(baseOrder) - offset;
      storage.copyBytes(first << baseOrder, offset, to << baseOrder, 0, rest);
      storage.copyBytes(second << baseOrder, 0, to << baseOrder, rest, offset);
    }
  }

  /** Whether a page holds nothing but zeros. */
  boolean holdsZeros(long page) {
    return storage == null
        ? !frames.is(page, PageFlag.NONZERO)
        : storage.isZero(page << baseOrder, baseOrder);
  }

  /**
   * A system call copied bytes of the calling process into a page: UFFDIO_COPY, write(2).
   *
   * @param offset first byte in the page
   * @param bytes not beyond the page's end
   * @param userAddress where the process has them; {@link OpenFile#NO_BYTES} if nobody cares
   */
  public void fromUser(long page, long offset, long bytes, long userAddress) {
    if (storage == null || userAddress == OpenFile.NO_BYTES) {
      return;
    }
    long done = 0;
    while (done < bytes) {
      long at = offset + done;
      int inFrame = (int) (at & Order.offsetMask(0));
      int part = (int) Math.min(bytes - done, Order.bytes(0) - inFrame);
      long pfn = (page << baseOrder) + (at >>> Order.BASE_PAGE_SHIFT);
      storage.copyFromUser(pfn, inFrame, part, userAddress + done);
      done += part;
    }
  }

  /**
   * Pages were read from a file's disk into its cache.
   *
   * @param pgoff of the first, in base pages
   */
  public void fromFile(long page, int pages, OpenFile file, long pgoff) {
    if (storage != null) {
      long frame = page << baseOrder;
      for (long i = 0; i < (long) pages << baseOrder; i++) {
        storage.readFromFile(frame + i, file, (pgoff << baseOrder) + i);
      }
    }
  }
}
