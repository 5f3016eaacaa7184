package dev.quire.kernel.mm;

import dev.quire.kernel.page.Fragmentation;
import dev.quire.mmu.Order;
import dev.quire.mmu.Protection;
import dev.quire.mmu.Translation;
import java.util.ArrayList;
import java.util.List;

/**
 * A host address space of regions filled on first touch, of a {@link HostPagePolicy}: where
 * addresses alone matter, as behind a stream. Simpler than Linux ({@link KernelAddressSpace}) in
 * two ways: a first read gets a frame of its own instead of the shared zero page, and a partly
 * discarded folio keeps its frames until all of it is gone.
 *
 * <p>Frames are zeroed when they are given back, so that fresh ones need no touch of their storage.
 */
public final class DemandAddressSpace implements HostAddressSpace {
  private static final long ABSENT = MappedRegion.ABSENT;

  private final FrameStorage storage;
  private final FrameAllocator frames;
  private final HostPagePolicy policy;
  private final Fragmentation fragmentation;
  private final int baseOrder;
  private final List<MappedRegion> regions = new ArrayList<>();
  private final List<MmuNotifier> notifiers = new ArrayList<>();
  private long residentPages;

  /** An address space on a host that is not fragmented. */
  public DemandAddressSpace(FrameStorage storage, FrameAllocator frames, HostPagePolicy policy) {
    this(storage, frames, policy, Fragmentation.NONE);
  }

  /**
   * @param storage what frames are wiped in when they are given back, and copied in
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
    this.baseOrder = policy.granule().baseOrder();
  }

  /** Maps {@code bytes} at {@code hva}, absent at first. */
  public void map(long hva, long bytes) {
    requirePages(hva, bytes);
    if (((hva | bytes) & Order.offsetMask(baseOrder)) != 0) {
      throw new IllegalArgumentException(
          "hva 0x%x, 0x%x bytes, is not a range of %s pages"
              .formatted(hva, bytes, policy.granule()));
    }
    for (MappedRegion region : regions) {
      if (hva < region.hva + region.bytes && region.hva < hva + bytes) {
        throw new IllegalArgumentException(
            "hva 0x%x, 0x%x bytes, overlaps a mapping at 0x%x".formatted(hva, bytes, region.hva));
      }
    }
    regions.add(new MappedRegion(hva, bytes));
  }

  /** madvise(MADV_DONTNEED): mappings stay, the next touch finds zeros. */
  public void discard(long hva, long bytes) {
    requirePages(hva, bytes);
    invalidateStart(hva, bytes);
    for (MappedRegion region : regions) {
      long first = Math.max(hva, region.hva);
      long end = Math.min(hva + bytes, region.hva + region.bytes);
      if (first < end) {
        discard(region, first, end);
      }
    }
    invalidateEnd(hva, bytes);
  }

  @Override
  public long fault(long hva, boolean write) {
    MappedRegion region = regionOf(hva);
    if (region == null) {
      return Translation.failure(NOT_MAPPED);
    }
    long present = region.entry(hva);
    return present == ABSENT ? firstTouch(region, hva) : present;
  }

  private long firstTouch(MappedRegion region, long hva) {
    for (int order = policy.order(); order > baseOrder; order = policy.orderAtMost(order - 1)) {
      if (region.isFree(hva, order)) {
        long pfn = denied(hva, order) ? FrameAllocator.NONE : frames.allocate(order);
        if (pfn != FrameAllocator.NONE) {
          return install(region, hva, pfn, order);
        }
      }
    }
    if (policy.reserved()) {
      return Translation.failure(OUT_OF_MEMORY);
    }
    long pfn = frames.allocate(baseOrder);
    return pfn == FrameAllocator.NONE
        ? Translation.failure(OUT_OF_MEMORY)
        : install(region, hva, pfn, baseOrder);
  }

  private boolean denied(long hva, int order) {
    return !policy.reserved() && fragmentation.denies(hva >>> Order.shift(order), order);
  }

  @Override
  public long lookup(long hva) {
    MappedRegion region = regionOf(hva);
    long present = region == null ? ABSENT : region.entry(hva);
    return present == ABSENT ? Translation.failure(NOT_MAPPED) : present;
  }

  @Override
  public void addNotifier(MmuNotifier notifier) {
    notifiers.add(notifier);
  }

  @Override
  public void removeNotifier(MmuNotifier notifier) {
    notifiers.remove(notifier);
  }

  @Override
  public long residentPages() {
    return residentPages;
  }

  private static long basePfn(long entry, int order) {
    return Translation.pfn(entry) & -(1L << order);
  }

  private void invalidateStart(long hva, long bytes) {
    for (int i = 0; i < notifiers.size(); i++) {
      notifiers.get(i).invalidateStart(hva, bytes);
    }
  }

  private void invalidateEnd(long hva, long bytes) {
    for (int i = 0; i < notifiers.size(); i++) {
      notifiers.get(i).invalidateEnd(hva, bytes);
    }
  }

  private MappedRegion regionOf(long hva) {
    for (int i = 0; i < regions.size(); i++) {
      MappedRegion region = regions.get(i);
      if (region.covers(hva, 1)) {
        return region;
      }
    }
    return null;
  }

  /** Maps the whole folio, as Linux does, and gives the entry of {@code hva}. */
  private long install(MappedRegion region, long hva, long pfn, int order) {
    region.set(hva & -Order.bytes(order), order, Translation.of(pfn, Protection.ALL, order, order));
    residentPages += 1L << order;
    return region.entry(hva);
  }

  private void discard(MappedRegion region, long first, long end) {
    for (long hva = first; hva < end; ) {
      long present = region.entry(hva);
      int order = present == ABSENT ? 0 : Translation.order(present);
      long start = hva & -Order.bytes(order);
      long next = start + Order.bytes(order);
      if (present != ABSENT) {
        if (start >= first && next <= end) {
          region.clear(start, order);
          release(basePfn(present, order), order);
        } else {
          zeroPart(region, hva, Math.min(end, next));
        }
      }
      hva = next;
    }
  }

  /** Part of a folio: the bytes go, the frames stay. */
  private void zeroPart(MappedRegion region, long first, long end) {
    for (long hva = first; hva < end; hva += Order.bytes(0)) {
      storage.zero(Translation.pfn(region.entry(hva)), 0);
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
