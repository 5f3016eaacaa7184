package dev.quire.kernel.mm;

import dev.quire.kernel.page.Fragmentation;
import dev.quire.kernel.stat.KernelCounters;
import dev.quire.mmu.Order;
import dev.quire.mmu.Protection;
import dev.quire.mmu.Translation;
import java.util.ArrayList;
import java.util.List;

/**
 * A host address space of regions filled on first touch, of a {@link HostPagePolicy}. Simpler than
 * Linux in three ways: a first read gets a frame of its own instead of the shared zero page, a
 * partly discarded folio keeps its frames until all of it is gone, and a large folio of which a
 * base page was copied on write is split at once.
 *
 * <p>Frames are zeroed when they are given back, so that fresh ones need no touch of their storage.
 */
public final class DemandAddressSpace implements GuestBacking {
  private static final long ABSENT = MappedRegion.ABSENT;
  private static final long UNMAPPED = MappedRegion.UNMAPPED;

  /** What an entry has for the right to write. */
  private static final long WRITABLE = Translation.of(0, Protection.WRITE, 0, 0);

  /** Folios as large are not moved (Linux v6.18 mm/hugetlb.c, hugepage_movable_supported). */
  private static final int GIGANTIC = Order.SIZE_1G;

  private final FrameStorage storage;
  private final FrameAllocator frames;
  private final HostPagePolicy policy;
  private final Fragmentation fragmentation;
  private final HostEventCounts counts;
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
    this(storage, frames, policy, fragmentation, new KernelCounters());
  }

  /** As above; what is done is counted in {@code counters}. */
  public DemandAddressSpace(
      FrameStorage storage,
      FrameAllocator frames,
      HostPagePolicy policy,
      Fragmentation fragmentation,
      KernelCounters counters) {
    this.counts = new HostEventCounts(counters, policy);
    this.storage = storage;
    this.frames = frames;
    this.policy = policy;
    this.fragmentation = fragmentation;
    this.baseOrder = policy.granule().baseOrder();
  }

  @Override
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

  @Override
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
    return present == ABSENT ? firstTouch(region, hva) : touch(region, hva, present, write);
  }

  private long firstTouch(MappedRegion region, long hva) {
    counts.fault();
    for (int order = policy.order(); order > baseOrder; order = policy.orderAtMost(order - 1)) {
      if (region.isFree(hva, order)) {
        long pfn = denied(hva, order) ? FrameAllocator.NONE : frames.allocate(order);
        if (pfn != FrameAllocator.NONE) {
          return install(region, hva, pfn, order);
        }
        counts.fallback(order);
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

  /** A folio that is there: mapped again if it was not, and given the right to write. */
  private long touch(MappedRegion region, long hva, long present, boolean write) {
    long entry = present;
    if ((entry & UNMAPPED) != 0) {
      counts.fault();
      entry = change(region, hva, 0, UNMAPPED);
    }
    if (write && (Translation.rights(entry) & Protection.WRITE) == 0) {
      counts.fault();
      if (policy.memory() == HostMemoryKind.ANONYMOUS) {
        return copyOnWrite(region, hva);
      }
      counts.reused();
      entry = change(region, hva, WRITABLE, 0);
    }
    return entry;
  }

  private long copyOnWrite(MappedRegion region, long hva) {
    long pfn = frames.allocate(baseOrder);
    if (pfn == FrameAllocator.NONE) {
      return Translation.failure(OUT_OF_MEMORY);
    }
    counts.allocated(baseOrder);
    split(hva);
    long old = region.entry(hva);
    long first = hva & -Order.bytes(baseOrder);
    long oldPfn = basePfn(old, baseOrder);
    invalidateStart(first, Order.bytes(baseOrder));
    storage.copy(oldPfn, pfn, baseOrder);
    region.set(first, baseOrder, Translation.of(pfn, Protection.ALL, baseOrder, baseOrder));
    storage.zero(oldPfn, baseOrder);
    frames.free(oldPfn, baseOrder);
    counts.freed(baseOrder);
    invalidateEnd(first, Order.bytes(baseOrder));
    return region.entry(hva);
  }

  private boolean denied(long hva, int order) {
    return !policy.reserved() && fragmentation.denies(hva >>> Order.shift(order), order);
  }

  @Override
  public long lookup(long hva) {
    MappedRegion region = regionOf(hva);
    long present = region == null ? ABSENT : region.entry(hva);
    return present == ABSENT || (present & UNMAPPED) != 0
        ? Translation.failure(NOT_MAPPED)
        : present;
  }

  @Override
  public void addNotifier(MmuNotifier notifier) {
    notifiers.add(notifier);
  }

  @Override
  public long residentPages() {
    return residentPages;
  }

  @Override
  public boolean unmap(long hva, long bytes) {
    return policy.memory() != HostMemoryKind.GUEST_MEMFD && changeRange(hva, bytes, UNMAPPED, 0);
  }

  @Override
  public boolean writeProtect(long hva, long bytes) {
    return policy.memory() != HostMemoryKind.GUEST_MEMFD && changeRange(hva, bytes, 0, WRITABLE);
  }

  @Override
  public boolean splitMapping(long hva) {
    MappedRegion region = regionOf(hva);
    long entry = region == null ? ABSENT : region.entry(hva);
    if (entry == ABSENT || policy.reserved() || Translation.stage1Order(entry) == baseOrder) {
      return false;
    }
    int order = Translation.order(entry);
    if (order < policy.granule().pmdOrder()) {
      return false;
    }
    counts.splitMapping();
    setFolio(region, hva, entry, baseEntry(entry, order));
    return true;
  }

  /** The entry of a folio's first page, mapped by base entries; rights and state as they are. */
  private long baseEntry(long entry, int folioOrder) {
    return Translation.of(
            basePfn(entry, Translation.order(entry)),
            Translation.rights(entry),
            folioOrder,
            baseOrder)
        | entry & UNMAPPED;
  }

  @Override
  public boolean split(long hva) {
    MappedRegion region = regionOf(hva);
    long entry = region == null ? ABSENT : region.entry(hva);
    if (entry == ABSENT || policy.reserved() || Translation.order(entry) == baseOrder) {
      return false;
    }
    counts.split(Translation.order(entry));
    setFolio(region, hva, entry, baseEntry(entry, baseOrder));
    return true;
  }

  @Override
  public boolean migrate(long hva) {
    MappedRegion region = regionOf(hva);
    long entry = region == null ? ABSENT : region.entry(hva);
    if (entry == ABSENT || policy.memory() == HostMemoryKind.GUEST_MEMFD) {
      return false;
    }
    int order = Translation.order(entry);
    if (order >= GIGANTIC) {
      return false;
    }
    long pfn = frames.allocate(order);
    if (pfn == FrameAllocator.NONE) {
      return false;
    }
    counts.migrated(order);
    long oldPfn = basePfn(entry, order);
    long first = hva & -Order.bytes(order);
    invalidateStart(first, Order.bytes(order));
    storage.copy(oldPfn, pfn, order);
    region.set(first, order, (entry & ~Translation.PFN_MASK) | pfn);
    storage.zero(oldPfn, order);
    frames.free(oldPfn, order);
    invalidateEnd(first, Order.bytes(order));
    return true;
  }

  @Override
  public boolean collapse(long hva) {
    int order = policy.granule().pmdOrder();
    long first = hva & -Order.bytes(order);
    MappedRegion region = regionOf(hva);
    if (region == null
        || !policy.hasPmdFolios()
        || !region.covers(first, Order.bytes(order))
        || !isWorthCollapsing(region, first, order)) {
      return false;
    }
    long pfn = denied(hva, order) ? FrameAllocator.NONE : frames.allocate(order);
    counts.collapse(pfn != FrameAllocator.NONE);
    if (pfn == FrameAllocator.NONE) {
      return false;
    }
    invalidateStart(first, Order.bytes(order));
    long end = first + Order.bytes(order);
    for (long at = first; at < end; ) {
      long entry = region.entry(at);
      int folio = entry == ABSENT ? 0 : Translation.order(entry);
      if (entry != ABSENT) {
        long oldPfn = Translation.pfn(entry);
        storage.copy(oldPfn, pfn + (at - first >>> Order.BASE_PAGE_SHIFT), folio);
        release(oldPfn, folio);
      }
      at += Order.bytes(folio);
    }
    region.set(first, order, Translation.of(pfn, Protection.ALL, order, order));
    residentPages += 1L << order;
    invalidateEnd(first, Order.bytes(order));
    return true;
  }

  /** Whether something is there and one entry does not map all of it. */
  private static boolean isWorthCollapsing(MappedRegion region, long first, int order) {
    long end = first + Order.bytes(order);
    for (long at = first; at < end; at += Order.bytes(0)) {
      long entry = region.entry(at);
      if (entry != ABSENT) {
        return Translation.stage1Order(entry) < order;
      }
    }
    return false;
  }

  /** Changes bits of every folio of a range that has not got them so; tells whether any had not. */
  private boolean changeRange(long hva, long bytes, long set, long clear) {
    requirePages(hva, bytes);
    boolean changed = false;
    for (MappedRegion region : regions) {
      long at = Math.max(hva, region.hva);
      long end = Math.min(hva + bytes, region.hva + region.bytes);
      while (at < end) {
        long entry = region.entry(at);
        int order = entry == ABSENT ? 0 : Translation.order(entry);
        long first = at & -Order.bytes(order);
        if (entry != ABSENT && (entry & set) == set && (entry & clear) == 0) {
          at = first + Order.bytes(order);
          continue;
        }
        if (entry != ABSENT) {
          invalidateStart(first, Order.bytes(order));
          change(region, at, set, clear);
          invalidateEnd(first, Order.bytes(order));
          changed = true;
        }
        at = first + Order.bytes(order);
      }
    }
    return changed;
  }

  /** Changes bits of the folio at {@code hva} and gives the entry of that page. */
  private static long change(MappedRegion region, long hva, long set, long clear) {
    long entry = region.entry(hva);
    int order = Translation.order(entry);
    long head = (entry & ~Translation.PFN_MASK) | basePfn(entry, order);
    region.set(hva & -Order.bytes(order), order, (head | set) & ~clear);
    return region.entry(hva);
  }

  /** Gives the folio at {@code hva} other entries, after whoever uses the old ones was told. */
  private void setFolio(MappedRegion region, long hva, long old, long head) {
    int order = Translation.order(old);
    long first = hva & -Order.bytes(order);
    invalidateStart(first, Order.bytes(order));
    region.set(first, order, head);
    invalidateEnd(first, Order.bytes(order));
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
    counts.faultedIn(order);
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
    counts.freed(order);
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
