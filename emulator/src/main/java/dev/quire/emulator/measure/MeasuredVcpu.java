package dev.quire.emulator.measure;

import dev.quire.bindings.AccessRing;
import dev.quire.mmu.Access;
import dev.quire.mmu.FillCache;
import dev.quire.mmu.Mmu;
import dev.quire.mmu.Order;
import dev.quire.mmu.PageWalk;
import dev.quire.mmu.Protection;
import dev.quire.mmu.TlbInvalidation;
import dev.quire.mmu.Translation;
import dev.quire.mmu.TranslationObserver;
import dev.quire.mmu.tlb.TlbCounters;
import dev.quire.mmu.tlb.TlbGeometry;
import dev.quire.mmu.tlb.TlbHierarchy;
import dev.quire.mmu.tlb.WalkedPages;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.List;

/**
 * The caches of translations of one vCPU, for several geometries over the same accesses.
 *
 * <pre>
 * core --> AccessRing --drain--> frame or vpn --> walked page --> TlbHierarchy, one per geometry
 * Mmu  --> walked, dropped, invalidating, addressSpace  (the ring is drained first)
 * engine --> filled: which virtual page a frame is reached by
 * </pre>
 *
 * <p>The core reports physical addresses. While a frame is reached by two virtual pages at a time,
 * each change between them drains the ring and flushes the soft TLB, so that the map from frames to
 * virtual pages is exact for every record: an alias, which is counted.
 *
 * <p>Machine thread only. Draining allocates nothing.
 */
public final class MeasuredVcpu implements TranslationObserver, HostAccesses {
  /** Guests run as one virtual machine: its VPID or VMID. */
  private static final int VMID = 0;

  private final WalkedPages pages = new WalkedPages();
  private final TlbHierarchy[] hierarchies;
  private final FramePages frames;

  /**
   * By virtual page number, of what was executed. The engine asks for a page anew after every
   * flush, before it executes from it.
   */
  private final PageIds fetches = new PageIds();

  /** Null where no geometry coalesces. */
  private final Neighbours neighbours;

  private final BitSet inUse = new BitSet();
  private final Mmu mmu;
  private final FillCache softTlb;
  private AccessRing ring;
  private int asid;
  private long aliases;
  private long unresolved;

  // What a drain works on, by record.
  private long[] records = {};
  private long[] vpns = {};
  private int[] ids = {};

  /**
   * Watches an MMU.
   *
   * @param index the vCPU's
   * @param hostFrames frames of host memory that guest pages lie in
   */
  public MeasuredVcpu(
      MeasureConfig config, int index, long hostFrames, Mmu mmu, FillCache softTlb) {
    this.mmu = mmu;
    this.softTlb = softTlb;
    frames = new FramePages(hostFrames);
    List<TlbHierarchy> models = new ArrayList<>();
    for (TlbGeometry geometry : config.geometries()) {
      models.add(new TlbHierarchy(geometry, pages, config.seed() + index));
    }
    hierarchies = models.toArray(TlbHierarchy[]::new);
    boolean coalesces =
        config.geometries().stream().anyMatch(geometry -> geometry.coalescing().usesNeighbours());
    neighbours = coalesces ? new Neighbours(mmu, pages) : null;
  }

  /** Names the engine's ring, and listens to the MMU from now on. */
  public void attach(AccessRing accessRing) {
    ring = accessRing;
    records = new long[ring.capacity() * AccessRing.RECORD_LONGS];
    vpns = new long[ring.capacity()];
    ids = new int[ring.capacity()];
    mmu.setObserver(this);
  }

  /** Times that a frame came to be reached by another virtual page while one was in use. */
  public long aliases() {
    return aliases;
  }

  /** Records whose page was not known; 0 unless there is a defect. */
  public long unresolved() {
    return unresolved;
  }

  /** The counts of each geometry, every access so far included. */
  public List<TlbCounters.Snapshot> snapshot() {
    drain();
    List<TlbCounters.Snapshot> snapshots = new ArrayList<>();
    for (TlbHierarchy hierarchy : hierarchies) {
      snapshots.add(hierarchy.counters().snapshot());
    }
    return snapshots;
  }

  /** The models, for reports that look at what they hold. */
  public List<TlbHierarchy> hierarchies() {
    return List.of(hierarchies);
  }

  // From the engine.

  /** Models every access that the ring holds. */
  public void drain() {
    if (ring.isEmpty()) {
      return;
    }
    int count = resolve(ring.take(records));
    for (TlbHierarchy hierarchy : hierarchies) {
      feed(hierarchy, count);
    }
  }

  /** Finds each record's page and leaves out those of devices. */
  private int resolve(int taken) {
    int count = 0;
    for (int i = 0; i < taken; i++) {
      long key = records[2 * i];
      long number = AccessRing.pageNumber(key);
      int id;
      if (AccessRing.kind(key) == AccessRing.KIND_FETCH) {
        id = fetches.page(number);
        vpns[count] = number;
      } else if (frames.contains(number)) {
        id = frames.page(number);
        vpns[count] = frames.vpn(number);
      } else {
        continue;
      }
      if (id < 0) {
        unresolved++;
        continue;
      }
      ids[count] = id;
      records[2 * count] = key;
      records[2 * count + 1] = records[2 * i + 1];
      count++;
    }
    return count;
  }

  private void feed(TlbHierarchy hierarchy, int count) {
    for (int i = 0; i < count; i++) {
      int kind = AccessRing.kind(records[2 * i]);
      long vpn = vpns[i];
      int id = ids[i];
      if (kind == Access.FETCH) {
        hierarchy.access(vpn, kind, id);
        continue;
      }
      long counts = records[2 * i + 1];
      long loads = AccessRing.reads(counts);
      long stores = AccessRing.writes(counts);
      if (kind == Access.READ) {
        hierarchy.access(vpn, Access.READ, id, loads);
        if (stores != 0) {
          hierarchy.access(vpn, Access.WRITE, id, stores);
        }
      } else {
        hierarchy.access(vpn, Access.WRITE, id, stores);
        if (loads != 0) {
          hierarchy.access(vpn, Access.READ, id, loads);
        }
      }
    }
  }

  /** One access to the guest's page that the frame is reached by; other frames are devices'. */
  public void accessFrame(long pfn, int type) {
    drain();
    if (frames.contains(pfn)) {
      one(frames.vpn(pfn), type, frames.page(pfn));
    }
  }

  /** One access to the page that the MMU has translated last. */
  @Override
  public void accessed(long va, int type) {
    drain();
    int page = mmu.lastPage();
    one(vpnOf(page, va), type, page);
  }

  /** The instruction stream comes to another page. */
  public void fetch(long vpn) {
    drain();
    one(vpn, Access.FETCH, fetches.page(vpn));
  }

  private void one(long vpn, int type, int page) {
    if (page < 0) {
      unresolved++;
      return;
    }
    for (TlbHierarchy hierarchy : hierarchies) {
      hierarchy.access(vpn, type, page);
    }
  }

  /** The virtual address of the frame's first byte, as the core reaches it; untagged. */
  public long vaOf(long pfn) {
    return frames.vpn(pfn) << Order.BASE_PAGE_SHIFT;
  }

  /** Whether accesses to the frame can be told by a virtual address. */
  public boolean isKnown(long pfn) {
    return frames.contains(pfn) && frames.page(pfn) != FramePages.NONE;
  }

  /**
   * The engine is about to fill its soft TLB with the MMU's last translation.
   *
   * @param va as the program used it
   * @return the rights to fill with: fewer where the fill would reach a frame by a second address
   */
  public int filled(long va, long pfn, int type, int rights) {
    int page = mmu.lastPage();
    long vpn = vpnOf(page, va);
    if ((rights & Protection.EXEC) != 0) {
      fetches.put(vpn, page);
    }
    boolean other = frames.page(pfn) != FramePages.NONE && frames.vpn(pfn) != vpn;
    if (other && isReachable(pfn)) {
      if (type == Access.FETCH) {
        return rights & ~Protection.READ;
      }
      aliases++;
      drain();
      softTlb.flushAll();
    }
    frames.set(pfn, vpn, page);
    return rights;
  }

  /** Whether the virtual page noted for the frame may be in the soft TLB. */
  private boolean isReachable(long pfn) {
    int page = frames.page(pfn);
    if (!inUse.get(page) || !pages.isGlobal(page) && pages.asid(page) != asid) {
      return false;
    }
    long translation = pages.translation(page);
    long offsetPages = pfn - Translation.pfn(translation);
    return offsetPages >= 0
        && offsetPages < 1L << Translation.order(translation)
        && (pages.va(page) >>> Order.BASE_PAGE_SHIFT) + offsetPages == frames.vpn(pfn);
  }

  private long vpnOf(int page, long va) {
    long offset = va & Order.offsetMask(pages.order(page));
    return pages.va(page) + offset >>> Order.BASE_PAGE_SHIFT;
  }

  // From the MMU.

  @Override
  public int walked(
      long va, int asid, boolean global, long translation, long attributes, PageWalk walk) {
    if (neighbours != null) {
      drain();
    }
    int page = pages.add(va, asid, global, translation, attributes, walk, 0);
    inUse.set(page);
    if (neighbours != null) {
      neighbours.walked(page);
    }
    return page;
  }

  /**
   * Engines may go on with fills of a page that only gained a right: its new id must be the one
   * given back here, as {@link WalkedPages} reuses the id freed last.
   */
  @Override
  public void dropped(int page) {
    drain();
    long fetched = ring.fetchPage();
    long firstVpn = pages.va(page) >>> Order.BASE_PAGE_SHIFT;
    if (fetched - firstVpn >= 0 && fetched - firstVpn < 1L << pages.order(page)) {
      ring.forgetFetchPage();
    }
    for (TlbHierarchy hierarchy : hierarchies) {
      hierarchy.replace(page);
    }
    if (neighbours != null) {
      neighbours.dropped(page);
    }
    pages.remove(page);
    inUse.clear(page);
  }

  @Override
  public void invalidating(TlbInvalidation invalidation) {
    drain();
    ring.forgetFetchPage();
    for (TlbHierarchy hierarchy : hierarchies) {
      hierarchy.invalidate(invalidation);
    }
  }

  @Override
  public void addressSpace(int newAsid) {
    drain();
    ring.forgetFetchPage();
    asid = newAsid;
    for (TlbHierarchy hierarchy : hierarchies) {
      hierarchy.addressSpace(newAsid, VMID);
    }
  }
}
