package dev.quire.kernel.mm;

import java.util.Arrays;
import java.util.BitSet;
import java.util.Random;

/**
 * A simple deterministic allocator: free blocks by order, larger ones split on demand, none merged
 * again. The same calls give the same frames, whatever happens elsewhere.
 *
 * <p>{@link Layout#SEQUENTIAL} hands out rising frame numbers, so memory touched in order is
 * contiguous. {@link Layout#SHUFFLED} takes blocks at random and the base pages of a 2 MiB block in
 * a random order, as a machine that has run for months would.
 */
public final class FirstTouchFrames implements FrameAllocator {
  /** In what order free frames are handed out. */
  public enum Layout {
    SEQUENTIAL,
    SHUFFLED
  }

  /** The largest block kept whole: 1 GiB. */
  public static final int MAX_ORDER = 18;

  /** Base pages are shuffled within blocks of this order. */
  private static final int SHUFFLE_ORDER = 9;

  private final long totalPages;
  private final Layout layout;
  private final Random random;
  private final FreeList[] free = new FreeList[MAX_ORDER + 1];
  private final BitSet allocated = new BitSet();
  private long freePages;

  /**
   * @param totalPages frames 0 to totalPages - 1
   * @param seed of the shuffle; without effect on a sequential layout
   */
  public FirstTouchFrames(long totalPages, Layout layout, long seed) {
    if (totalPages < 1 || totalPages > Integer.MAX_VALUE) {
      throw new IllegalArgumentException(
          totalPages + " pages of host memory are not in 1.." + Integer.MAX_VALUE);
    }
    this.totalPages = totalPages;
    this.layout = layout;
    this.random = new Random(seed);
    this.freePages = totalPages;
    for (int order = 0; order <= MAX_ORDER; order++) {
      free[order] = new FreeList();
    }
    // From the top down, so that the lowest block of each order is the last in, first out.
    long end = totalPages;
    while (end > 0) {
      int order = Math.min(MAX_ORDER, Long.numberOfTrailingZeros(end));
      end -= 1L << order;
      free[order].push(end);
    }
  }

  @Override
  public long allocate(int order) {
    if (order < 0 || order > MAX_ORDER) {
      return NONE;
    }
    int have = order;
    while (have <= MAX_ORDER && free[have].isEmpty()) {
      have++;
    }
    if (have > MAX_ORDER) {
      return NONE;
    }
    if (layout == Layout.SEQUENTIAL) {
      have = orderOfLowestBlock(have);
    }
    long pfn = take(have);
    while (have > order) {
      if (layout == Layout.SHUFFLED && have == SHUFFLE_ORDER && order == 0) {
        pushShuffled(pfn);
        pfn = free[0].pop();
        break;
      }
      have--;
      boolean upper = layout == Layout.SHUFFLED && random.nextBoolean();
      free[have].push(upper ? pfn : pfn + (1L << have));
      pfn += upper ? 1L << have : 0;
    }
    allocated.set((int) pfn, (int) pfn + (1 << order));
    freePages -= 1L << order;
    return pfn;
  }

  @Override
  public void free(long pfn, int order) {
    long pages = 1L << order;
    if (order < 0
        || order > MAX_ORDER
        || pfn < 0
        || pfn > totalPages - pages
        || (pfn & pages - 1) != 0
        || allocated.nextClearBit((int) pfn) < pfn + pages) {
      throw new IllegalArgumentException(
          "pfn 0x%x, order %d, is not allocated".formatted(pfn, order));
    }
    allocated.clear((int) pfn, (int) (pfn + pages));
    free[order].push(pfn);
    freePages += pages;
  }

  @Override
  public long totalPages() {
    return totalPages;
  }

  @Override
  public long freePages() {
    return freePages;
  }

  /** Of the blocks that would do, the one on top of its list with the lowest pfn. */
  private int orderOfLowestBlock(int from) {
    int lowest = from;
    for (int order = from + 1; order <= MAX_ORDER; order++) {
      if (!free[order].isEmpty() && free[order].peek() < free[lowest].peek()) {
        lowest = order;
      }
    }
    return lowest;
  }

  private long take(int order) {
    return layout == Layout.SHUFFLED && order > 0 ? free[order].swapOut(random) : free[order].pop();
  }

  private void pushShuffled(long firstPfn) {
    long[] pages = new long[1 << SHUFFLE_ORDER];
    for (int i = 0; i < pages.length; i++) {
      int other = random.nextInt(i + 1);
      pages[i] = pages[other];
      pages[other] = firstPfn + i;
    }
    for (long page : pages) {
      free[0].push(page);
    }
  }

  /** A stack of pfns. */
  private static final class FreeList {
    private long[] pfns = {};
    private int length;

    boolean isEmpty() {
      return length == 0;
    }

    void push(long pfn) {
      if (length == pfns.length) {
        pfns = Arrays.copyOf(pfns, Math.max(16, 2 * length));
      }
      pfns[length++] = pfn;
    }

    long peek() {
      return pfns[length - 1];
    }

    long pop() {
      return pfns[--length];
    }

    long swapOut(Random random) {
      int chosen = random.nextInt(length);
      long pfn = pfns[chosen];
      pfns[chosen] = pfns[--length];
      return pfn;
    }
  }
}
