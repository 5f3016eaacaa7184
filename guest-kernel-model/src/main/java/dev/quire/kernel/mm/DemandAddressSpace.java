package dev.quire.kernel.mm;

import dev.quire.mmu.Order;
import dev.quire.mmu.Protection;
import dev.quire.mmu.Translation;
import java.util.ArrayList;
import java.util.List;

/**
 * A host address space of private anonymous regions filled on first touch, of a {@link
 * HostPagePolicy}. Simpler than Linux in two ways: a first read gets a frame of its own instead of
 * the shared zero page, and a partly unmapped huge page keeps its frames until all of it is gone.
 *
 * <p>Frames are zeroed when they are given back, so that fresh ones need no touch of their storage.
 */
public final class DemandAddressSpace implements HostAddressSpace {
  private static final int BLOCK_ORDER = Order.SIZE_2M;
  private static final int BLOCK_SHIFT = Order.BASE_PAGE_SHIFT + BLOCK_ORDER;
  private static final int PAGES_PER_BLOCK = 1 << BLOCK_ORDER;
  private static final long ABSENT = 0;

  private final HostMemory memory;
  private final FrameAllocator frames;
  private final HostPagePolicy policy;
  private final List<Region> regions = new ArrayList<>();
  private final List<MmuNotifier> notifiers = new ArrayList<>();
  private long residentPages;

  /**
   * One mapping. A page's entry is a {@link Translation} of its host leaf's order, 0 if absent: in
   * {@code blocks} for leaves of 2 MiB and up, else in {@code pages}.
   */
  private static final class Region {
    final long hva;
    final long bytes;
    final long[] blocks;
    final long[][] pages;

    Region(long hva, long bytes) {
      this.hva = hva;
      this.bytes = bytes;
      int count = (int) ((hva + bytes - 1 >>> BLOCK_SHIFT) - (hva >>> BLOCK_SHIFT)) + 1;
      this.blocks = new long[count];
      this.pages = new long[count][];
    }

    int block(long address) {
      return (int) ((address >>> BLOCK_SHIFT) - (hva >>> BLOCK_SHIFT));
    }

    static int page(long address) {
      return (int) (address >>> Order.BASE_PAGE_SHIFT) & PAGES_PER_BLOCK - 1;
    }

    boolean covers(long first, long length) {
      return first >= hva && length <= bytes && first - hva <= bytes - length;
    }
  }

  public DemandAddressSpace(HostMemory memory, FrameAllocator frames, HostPagePolicy policy) {
    this.memory = memory;
    this.frames = frames;
    this.policy = policy;
  }

  /** Maps {@code bytes} of anonymous memory at {@code hva}, absent at first. */
  public void map(long hva, long bytes) {
    requirePages(hva, bytes);
    for (Region region : regions) {
      if (hva < region.hva + region.bytes && region.hva < hva + bytes) {
        throw new IllegalArgumentException(
            "hva 0x%x, 0x%x bytes, overlaps a mapping at 0x%x".formatted(hva, bytes, region.hva));
      }
    }
    regions.add(new Region(hva, bytes));
  }

  /**
   * Gives back the pages of a range, as madvise(MADV_DONTNEED): mappings stay, the next touch finds
   * zeros.
   */
  public void discard(long hva, long bytes) {
    requirePages(hva, bytes);
    for (MmuNotifier notifier : notifiers) {
      notifier.invalidateStart(hva, bytes);
    }
    for (Region region : regions) {
      long first = Math.max(hva, region.hva);
      long end = Math.min(hva + bytes, region.hva + region.bytes);
      if (first < end) {
        discard(region, first, end);
      }
    }
    for (MmuNotifier notifier : notifiers) {
      notifier.invalidateEnd(hva, bytes);
    }
  }

  @Override
  public long fault(long hva, boolean write) {
    Region region = regionOf(hva);
    if (region == null) {
      return Translation.failure(NOT_MAPPED);
    }
    long present = entry(region, hva);
    if (present != ABSENT) {
      return present;
    }
    int order = policy.order();
    if (order >= BLOCK_ORDER && mayUse(region, hva, order)) {
      long pfn = frames.allocate(order);
      if (pfn != FrameAllocator.NONE) {
        return installBlocks(region, hva & -Order.bytes(order), pfn, order, hva);
      }
    }
    return policy.reserved() ? Translation.failure(OUT_OF_MEMORY) : installPage(region, hva);
  }

  @Override
  public long lookup(long hva) {
    Region region = regionOf(hva);
    long present = region == null ? ABSENT : entry(region, hva);
    return present == ABSENT ? Translation.failure(NOT_MAPPED) : present;
  }

  @Override
  public void addNotifier(MmuNotifier notifier) {
    notifiers.add(notifier);
  }

  @Override
  public long residentPages() {
    return residentPages;
  }

  private Region regionOf(long hva) {
    for (int i = 0; i < regions.size(); i++) {
      Region region = regions.get(i);
      if (region.covers(hva, 1)) {
        return region;
      }
    }
    return null;
  }

  private static long entry(Region region, long hva) {
    int block = region.block(hva);
    long huge = region.blocks[block];
    if (huge != ABSENT) {
      return huge + Region.page(hva);
    }
    long[] pages = region.pages[block];
    return pages == null ? ABSENT : pages[Region.page(hva)];
  }

  /** Whether a page of the order fits the region and no part of it is present. */
  private static boolean mayUse(Region region, long hva, int order) {
    long first = hva & -Order.bytes(order);
    if (!region.covers(first, Order.bytes(order))) {
      return false;
    }
    int block = region.block(first);
    for (int i = 0; i < 1 << order - BLOCK_ORDER; i++) {
      if (region.blocks[block + i] != ABSENT || region.pages[block + i] != null) {
        return false;
      }
    }
    return true;
  }

  private long installBlocks(Region region, long first, long pfn, int order, long hva) {
    int block = region.block(first);
    for (int i = 0; i < 1 << order - BLOCK_ORDER; i++) {
      region.blocks[block + i] =
          Translation.of(pfn + (long) i * PAGES_PER_BLOCK, Protection.ALL, order, order);
    }
    residentPages += 1L << order;
    return entry(region, hva);
  }

  private long installPage(Region region, long hva) {
    long pfn = frames.allocate(0);
    if (pfn == FrameAllocator.NONE) {
      return Translation.failure(OUT_OF_MEMORY);
    }
    int block = region.block(hva);
    if (region.pages[block] == null) {
      region.pages[block] = new long[PAGES_PER_BLOCK];
    }
    long entry = Translation.of(pfn, Protection.ALL, 0, 0);
    region.pages[block][Region.page(hva)] = entry;
    residentPages++;
    return entry;
  }

  private void discard(Region region, long first, long end) {
    for (long hva = first; hva < end; ) {
      int block = region.block(hva);
      long huge = region.blocks[block];
      if (huge != ABSENT) {
        int order = Translation.order(huge);
        long start = hva & -Order.bytes(order);
        if (start >= first && start + Order.bytes(order) <= end) {
          removeBlocks(region, start, order);
        } else {
          zeroPart(region, hva, Math.min(end, start + Order.bytes(order)));
        }
        hva = start + Order.bytes(order);
      } else {
        removePage(region, hva);
        hva += Order.bytes(0);
      }
    }
  }

  private void removeBlocks(Region region, long start, int order) {
    int block = region.block(start);
    long pfn = Translation.pfn(region.blocks[block]);
    for (int i = 0; i < 1 << order - BLOCK_ORDER; i++) {
      region.blocks[block + i] = ABSENT;
    }
    release(pfn, order);
  }

  private void removePage(Region region, long hva) {
    long[] pages = region.pages[region.block(hva)];
    int page = Region.page(hva);
    if (pages != null && pages[page] != ABSENT) {
      long pfn = Translation.pfn(pages[page]);
      pages[page] = ABSENT;
      release(pfn, 0);
    }
  }

  /** Part of a huge page: the bytes go, the frames stay. */
  private void zeroPart(Region region, long first, long end) {
    for (long hva = first; hva < end; hva += Order.bytes(0)) {
      memory.zero(Translation.pfn(entry(region, hva)), 0);
    }
  }

  private void release(long pfn, int order) {
    memory.zero(pfn, order);
    frames.free(pfn, order);
    residentPages -= 1L << order;
  }

  private static void requirePages(long hva, long bytes) {
    if ((hva & Order.offsetMask(0)) != 0
        || (bytes & Order.offsetMask(0)) != 0
        || hva < 0
        || bytes <= 0
        || hva + bytes < 0) {
      throw new IllegalArgumentException(
          "hva 0x%x, 0x%x bytes, is not a range of whole pages".formatted(hva, bytes));
    }
  }
}
