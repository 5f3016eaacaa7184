package dev.quire.kernel.mm;

import dev.quire.kernel.page.Fragmentation;
import dev.quire.mmu.Order;
import dev.quire.mmu.Protection;
import dev.quire.mmu.Translation;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * A host address space of private anonymous regions filled on first touch, of a {@link
 * HostPagePolicy}. Simpler than Linux in two ways: a first read gets a frame of its own instead of
 * the shared zero page, and a partly unmapped folio keeps its frames until all of it is gone.
 *
 * <p>Frames are zeroed when they are given back, so that fresh ones need no touch of their storage.
 */
public final class DemandAddressSpace implements HostAddressSpace {
  private static final int BLOCK_ORDER = Order.SIZE_2M;
  private static final int BLOCK_SHIFT = Order.BASE_PAGE_SHIFT + BLOCK_ORDER;
  private static final int PAGES_PER_BLOCK = 1 << BLOCK_ORDER;
  private static final long ABSENT = 0;

  private final FrameStorage storage;
  private final FrameAllocator frames;
  private final HostPagePolicy policy;
  private final Fragmentation fragmentation;
  private final List<Region> regions = new ArrayList<>();
  private final List<MmuNotifier> notifiers = new ArrayList<>();
  private long residentPages;

  /**
   * One mapping. A page's entry is a {@link Translation} of its folio's order, 0 if absent: in
   * {@code blocks} for folios of 2 MiB and up, else in {@code pages}.
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

  /** An address space on a host that is not fragmented. */
  public DemandAddressSpace(FrameStorage storage, FrameAllocator frames, HostPagePolicy policy) {
    this(storage, frames, policy, Fragmentation.NONE);
  }

  /**
   * @param storage what frames are wiped in when they are given back
   * @param fragmentation how often no folio of an order is to be had; without effect on reserved
   *     pages, which were set aside at boot
   */
  public DemandAddressSpace(
      FrameStorage storage,
      FrameAllocator frames,
      HostPagePolicy policy,
      Fragmentation fragmentation) {
    this.storage = storage;
    this.frames = frames;
    this.policy = policy;
    this.fragmentation = fragmentation;
  }

  /** Maps {@code bytes} of anonymous memory at {@code hva}, absent at first. */
  public void map(long hva, long bytes) {
    requirePages(hva, bytes);
    if (((hva | bytes) & Order.offsetMask(policy.granule().baseOrder())) != 0) {
      throw new IllegalArgumentException(
          "hva 0x%x, 0x%x bytes, is not a range of %s pages"
              .formatted(hva, bytes, policy.granule()));
    }
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
    int base = policy.granule().baseOrder();
    for (int order = policy.order(); order > base; order = policy.orderAtMost(order - 1)) {
      if (mayUse(region, hva, order) && !denied(hva, order)) {
        long pfn = frames.allocate(order);
        if (pfn != FrameAllocator.NONE) {
          return install(region, hva, pfn, order);
        }
      }
    }
    if (policy.reserved()) {
      return Translation.failure(OUT_OF_MEMORY);
    }
    long pfn = frames.allocate(base);
    return pfn == FrameAllocator.NONE
        ? Translation.failure(OUT_OF_MEMORY)
        : install(region, hva, pfn, base);
  }

  private boolean denied(long hva, int order) {
    return !policy.reserved() && fragmentation.denies(hva >>> Order.shift(order), order);
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

  /** Whether a folio of the order fits the region and no part of it is present. */
  private static boolean mayUse(Region region, long hva, int order) {
    long first = hva & -Order.bytes(order);
    if (!region.covers(first, Order.bytes(order))) {
      return false;
    }
    int block = region.block(first);
    if (order < BLOCK_ORDER) {
      return isAbsent(region.pages[block], Region.page(first), 1 << order);
    }
    for (int i = 0; i < 1 << order - BLOCK_ORDER; i++) {
      if (region.blocks[block + i] != ABSENT || region.pages[block + i] != null) {
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

  /** Maps the whole folio, as Linux does, and gives the entry of {@code hva}. */
  private long install(Region region, long hva, long pfn, int order) {
    long first = hva & -Order.bytes(order);
    int block = region.block(first);
    if (order >= BLOCK_ORDER) {
      for (int i = 0; i < 1 << order - BLOCK_ORDER; i++) {
        region.blocks[block + i] =
            Translation.of(pfn + (long) i * PAGES_PER_BLOCK, Protection.ALL, order, order);
      }
    } else {
      if (region.pages[block] == null) {
        region.pages[block] = new long[PAGES_PER_BLOCK];
      }
      int page = Region.page(first);
      for (int i = 0; i < 1 << order; i++) {
        region.pages[block][page + i] = Translation.of(pfn + i, Protection.ALL, order, order);
      }
    }
    residentPages += 1L << order;
    return entry(region, hva);
  }

  private void discard(Region region, long first, long end) {
    for (long hva = first; hva < end; ) {
      long present = entry(region, hva);
      int order = present == ABSENT ? 0 : Translation.order(present);
      long start = hva & -Order.bytes(order);
      long next = start + Order.bytes(order);
      if (present != ABSENT) {
        if (start >= first && next <= end) {
          remove(region, start, order);
        } else {
          zeroPart(region, hva, Math.min(end, next));
        }
      }
      hva = next;
    }
  }

  private void remove(Region region, long start, int order) {
    long pfn = Translation.pfn(entry(region, start));
    int block = region.block(start);
    if (order >= BLOCK_ORDER) {
      Arrays.fill(region.blocks, block, block + (1 << order - BLOCK_ORDER), ABSENT);
    } else {
      int page = Region.page(start);
      Arrays.fill(region.pages[block], page, page + (1 << order), ABSENT);
    }
    release(pfn, order);
  }

  /** Part of a folio: the bytes go, the frames stay. */
  private void zeroPart(Region region, long first, long end) {
    for (long hva = first; hva < end; hva += Order.bytes(0)) {
      storage.zero(Translation.pfn(entry(region, hva)), 0);
    }
  }

  private void release(long pfn, int order) {
    storage.zero(pfn, order);
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
