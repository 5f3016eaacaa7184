package dev.quire.kernel.mm;

import dev.quire.mmu.Order;
import dev.quire.mmu.Translation;
import java.util.Arrays;

/**
 * One mapping of a {@link DemandAddressSpace}: an entry for each 4 KiB page, or one for 2 MiB where
 * a folio is at least as large. An entry is a {@link Translation} whose order is the folio's and
 * whose stage-1 order that of the largest entry that may map it.
 */
final class MappedRegion {
  static final long ABSENT = 0;

  private static final int BLOCK_ORDER = Order.SIZE_2M;
  private static final int BLOCK_SHIFT = Order.BASE_PAGE_SHIFT + BLOCK_ORDER;
  private static final int PAGES_PER_BLOCK = 1 << BLOCK_ORDER;

  final long hva;
  final long bytes;
  private final long[] blocks;
  private final long[][] pages;

  MappedRegion(long hva, long bytes) {
    this.hva = hva;
    this.bytes = bytes;
    int count = (int) ((hva + bytes - 1 >>> BLOCK_SHIFT) - (hva >>> BLOCK_SHIFT)) + 1;
    this.blocks = new long[count];
    this.pages = new long[count][];
  }

  boolean covers(long first, long length) {
    return first >= hva && length <= bytes && first - hva <= bytes - length;
  }

  /** The entry of the 4 KiB page at {@code address}, or {@link #ABSENT}. */
  long entry(long address) {
    int block = block(address);
    long huge = blocks[block];
    if (huge != ABSENT) {
      return huge + page(address);
    }
    long[] small = pages[block];
    return small == null ? ABSENT : small[page(address)];
  }

  /** Whether a folio of the order would lie in the region and over nothing that is present. */
  boolean isFree(long address, int order) {
    long first = address & -Order.bytes(order);
    if (!covers(first, Order.bytes(order))) {
      return false;
    }
    int block = block(first);
    if (order < BLOCK_ORDER) {
      return blocks[block] == ABSENT && isAbsent(pages[block], page(first), 1 << order);
    }
    for (int i = 0; i < 1 << order - BLOCK_ORDER; i++) {
      if (blocks[block + i] != ABSENT || pages[block + i] != null) {
        return false;
      }
    }
    return true;
  }

  private static boolean isAbsent(long[] pages, int first, int count) {
    if (pages != null) {
      for (int i = first; i < first + count; i++) {
        if (pages[i] != ABSENT) {
          return false;
        }
      }
    }
    return true;
  }

  /**
   * Sets the entries of the aligned range of {@code order} from {@code first}, over whatever is
   * there: that of its first page is {@code entry}, the frames follow each other.
   */
  void set(long first, int order, long entry) {
    int block = block(first);
    if (order >= BLOCK_ORDER && Translation.order(entry) >= BLOCK_ORDER) {
      for (int i = 0; i < 1 << order - BLOCK_ORDER; i++) {
        blocks[block + i] = entry + (long) i * PAGES_PER_BLOCK;
        pages[block + i] = null;
      }
      return;
    }
    for (long done = 0; done < 1L << order; done++) {
      long address = first + (done << Order.BASE_PAGE_SHIFT);
      small(block(address))[page(address)] = entry + done;
    }
  }

  private long[] small(int block) {
    blocks[block] = ABSENT;
    if (pages[block] == null) {
      pages[block] = new long[PAGES_PER_BLOCK];
    }
    return pages[block];
  }

  /** Takes out the folio of {@code order} that starts at {@code first}. */
  void clear(long first, int order) {
    int block = block(first);
    if (order >= BLOCK_ORDER) {
      Arrays.fill(blocks, block, block + (1 << order - BLOCK_ORDER), ABSENT);
    } else {
      int page = page(first);
      Arrays.fill(pages[block], page, page + (1 << order), ABSENT);
    }
  }

  private int block(long address) {
    return (int) ((address >>> BLOCK_SHIFT) - (hva >>> BLOCK_SHIFT));
  }

  private static int page(long address) {
    return (int) (address >>> Order.BASE_PAGE_SHIFT) & PAGES_PER_BLOCK - 1;
  }
}
