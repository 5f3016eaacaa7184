package dev.quire.kernel.mm;

import java.util.Arrays;
import java.util.BitSet;
import java.util.Random;

/**
 * A simple deterministic allocator: free blocks by order, larger ones split on demand and merged
 * when all of them is back. The same calls give the same frames, whatever happens elsewhere.
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

  /** Whether anything was freed: until then there is nothing to merge, and no list is indexed. */
  private boolean merges;

  /** Frames from here on were never given out and are in no list (sequential layout only). */
  private long untouched;

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
      free[order] = new FreeList(order);
    }
    if (layout == Layout.SHUFFLED) {
      pushBlocks(totalPages);
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
    if (have <= MAX_ORDER) {
      return mark(split(take(have), have, order), order);
    }
    return untouched < totalPages ? allocateUntouched(order) : NONE;
  }

  /** The next frames never given out; those skipped for alignment are free. */
  private long allocateUntouched(int order) {
    long pages = 1L << order;
    long pfn = untouched + pages - 1 & -pages;
    if (pfn > totalPages - pages) {
      return NONE;
    }
    pushBlocks(pfn);
    untouched = pfn + pages;
    return mark(pfn, order);
  }

  /** Frees the frames from {@code untouched} to below {@code end}, in the largest blocks. */
  private void pushBlocks(long end) {
    long top = end;
    // From the top down, so that the lowest block of each order is the last in, first out.
    while (top > untouched) {
      int order = Math.min(MAX_ORDER, Long.numberOfTrailingZeros(top));
      while (top - (1L << order) < untouched) {
        order--;
      }
      top -= 1L << order;
      free[order].push(top);
    }
    untouched = end;
  }

  /** Halves a free block down to the order wanted, and gives what is left back. */
  private long split(long block, int have, int order) {
    long pfn = block;
    for (int half = have - 1; half >= order; half--) {
      if (layout == Layout.SHUFFLED && half == SHUFFLE_ORDER - 1 && order == 0) {
        pushShuffled(pfn);
        return free[0].pop();
      }
      boolean upper = layout == Layout.SHUFFLED && random.nextBoolean();
      free[half].push(upper ? pfn : pfn + (1L << half));
      pfn += upper ? 1L << half : 0;
    }
    return pfn;
  }

  private long mark(long pfn, int order) {
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
    freePages += pages;
    if (!merges) {
      merges = true;
      for (FreeList list : free) {
        list.index(totalPages);
      }
    }
    long block = pfn;
    int merged = order;
    while (merged < MAX_ORDER && free[merged].remove(block ^ 1L << merged)) {
      block &= -(2L << merged);
      merged++;
    }
    free[merged].push(block);
  }

  @Override
  public long totalPages() {
    return totalPages;
  }

  @Override
  public long freePages() {
    return freePages;
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

  /** A stack of pfns, of blocks of one order. */
  private static final class FreeList {
    private final int order;
    private long[] pfns = {};
    private int length;

    /** By block number, where it is in the stack plus one, 0 if it is not; null until needed. */
    private int[] places;

    FreeList(int order) {
      this.order = order;
    }

    boolean isEmpty() {
      return length == 0;
    }

    /** From now on blocks can be taken from the middle. */
    void index(long totalPages) {
      places = new int[(int) (totalPages >>> order) + 1];
      for (int i = 0; i < length; i++) {
        note(i);
      }
    }

    private void note(int place) {
      if (places != null) {
        places[(int) (pfns[place] >>> order)] = place + 1;
      }
    }

    void push(long pfn) {
      if (length == pfns.length) {
        pfns = Arrays.copyOf(pfns, Math.max(16, 2 * length));
      }
      pfns[length] = pfn;
      note(length++);
    }

    long pop() {
      return take(length - 1);
    }

    long swapOut(Random random) {
      return take(random.nextInt(length));
    }

    /** Takes out a block if it is here. */
    boolean remove(long pfn) {
      int block = (int) (pfn >>> order);
      if (block >= places.length || places[block] == 0) {
        return false;
      }
      take(places[block] - 1);
      return true;
    }

    private long take(int place) {
      long pfn = pfns[place];
      pfns[place] = pfns[--length];
      if (places != null) {
        if (place < length) {
          note(place);
        }
        places[(int) (pfn >>> order)] = 0;
      }
      return pfn;
    }
  }
}
