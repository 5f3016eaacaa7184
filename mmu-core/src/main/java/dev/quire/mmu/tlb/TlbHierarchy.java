package dev.quire.mmu.tlb;

import dev.quire.mmu.Access;
import dev.quire.mmu.Order;
import dev.quire.mmu.PageWalk;
import dev.quire.mmu.TlbInvalidation;
import dev.quire.mmu.Translation;
import java.util.ArrayList;
import java.util.List;

/**
 * The caches of translations of one vCPU, for one geometry, over a stream of accesses. One thread;
 * nothing is allocated after construction. Its counts depend on the calls and the seed alone.
 *
 * <p>An access is looked up once at L1, and at L2 after a miss. A miss in both walks ({@link
 * WalkModel}) and fills both. A hit in L2 fills L1 with what the entry stands for: with the whole
 * of a page that L2 had to break down, as Zen 2 does with 1 GiB pages.
 *
 * <p>An entry's order is the effective order of the page, raised by the {@link CoalescingPolicy}
 * and then broken down to what the array holds. It falls when any address of the guest's page or of
 * the group it was made from is invalidated.
 */
public final class TlbHierarchy {
  private static final int USES = TlbUse.values().length;
  private static final int TYPE_BITS = 2;
  private static final long NO_ACCESS = -1;
  private static final int EIGHT_PAGES_MASK = 7;

  private final TlbGeometry geometry;
  private final WalkedPages pages;
  private final TlbCounters counters;
  private final List<TranslationCache> l1 = new ArrayList<>();
  private final List<TranslationCache> l2 = new ArrayList<>();
  private final LookupPath[] l1Paths = new LookupPath[USES];

  private final WalkModel walker;
  private final TlbInvalidator invalidator;
  private final CoalescingPolicy coalescing;

  private int vmid;
  private long owner;
  private long globalOwner;

  /** The last access, if it left an entry at L1: the same again is a hit and changes nothing. */
  private long last = NO_ACCESS;

  /**
   * @param pages what the ids of accesses stand for; shared with other geometries
   * @param seed of random replacement
   */
  public TlbHierarchy(TlbGeometry geometry, WalkedPages pages, long seed) {
    this.geometry = geometry;
    this.pages = pages;
    coalescing = geometry.coalescing();
    List<TlbArray> l1Arrays = new ArrayList<>(geometry.l1Instruction());
    l1Arrays.addAll(geometry.l1Data());
    List<TranslationCache> all = new ArrayList<>();
    for (TlbArray array : l1Arrays) {
      l1.add(added(all, array, seed));
    }
    for (TlbArray array : geometry.l2()) {
      l2.add(added(all, array, seed));
    }
    for (TlbUse use : TlbUse.values()) {
      LookupPath second = path(use, geometry.l2(), l2, coalescing.l2(), null);
      l1Paths[use.ordinal()] = path(use, l1Arrays, l1, coalescing.l1(), second);
    }
    counters = new TlbCounters(geometry, l1Paths, all);
    if (geometry.l2Inclusive()) {
      Inclusion inner = new Inclusion(l1.toArray(TranslationCache[]::new));
      l2.forEach(cache -> cache.setInner(inner));
    }
    walker = walkModel(all, seed);
    invalidator = new TlbInvalidator(all.toArray(TranslationCache[]::new), geometry.isa());
    addressSpace(0, 0);
  }

  private static TranslationCache added(List<TranslationCache> all, TlbArray array, long seed) {
    TranslationCache cache =
        new TranslationCache(
            all.size(), array.entries(), array.ways(), array.replacement(), array.limits(), seed);
    all.add(cache);
    return cache;
  }

  private LookupPath path(
      TlbUse use,
      List<TlbArray> arrays,
      List<TranslationCache> caches,
      boolean coalesces,
      LookupPath behind) {
    List<TlbArray> serving = new ArrayList<>();
    List<TranslationCache> servingCaches = new ArrayList<>();
    for (int i = 0; i < arrays.size(); i++) {
      if (arrays.get(i).uses().contains(use)) {
        serving.add(arrays.get(i));
        servingCaches.add(caches.get(i));
      }
    }
    CoalescingPolicy policy = coalesces ? coalescing : CoalescingPolicy.NONE;
    return serving.isEmpty() ? null : new LookupPath(serving, servingCaches, policy, behind);
  }

  private WalkModel walkModel(List<TranslationCache> all, long seed) {
    TranslationCache[][] tables = new TranslationCache[USES][WalkCache.MAX_HEIGHT + 1];
    int[] structures = new int[WalkCache.MAX_HEIGHT + 1];
    int structure = all.size();
    for (WalkCache data : geometry.walkCaches()) {
      TranslationCache own = null;
      if (!data.sharesL2()) {
        own =
            new TranslationCache(
                structure, data.entries(), data.ways(), data.replacement(), List.of(), seed);
        all.add(own);
      }
      for (int height : data.heights()) {
        structures[height] = structure;
        for (int use = 0; use < USES; use++) {
          tables[use][height] = own != null ? own : sharedL2(use);
        }
      }
      structure++;
    }
    NestedTlb data = geometry.nested();
    TranslationCache own = null;
    if (data.kind() == NestedTlb.Kind.OWN) {
      own =
          new TranslationCache(
              structure, data.entries(), data.ways(), data.replacement(), List.of(), seed);
      all.add(own);
    }
    TranslationCache[] nested = new TranslationCache[USES];
    for (int use = 0; use < USES; use++) {
      nested[use] = data.kind() == NestedTlb.Kind.IN_L2 ? sharedL2(use) : own;
    }
    return new WalkModel(
        pages,
        counters,
        tables,
        structures,
        geometry.walkCachesHoldHostAddresses(),
        nested,
        structure,
        data.minimumOrder());
  }

  /** The first array of L2 that serves a use. */
  private TranslationCache sharedL2(int use) {
    for (int i = 0; i < l2.size(); i++) {
      if (geometry.l2().get(i).uses().contains(TlbUse.values()[use])) {
        return l2.get(i);
      }
    }
    throw new IllegalStateException("no L2 array serves " + TlbUse.values()[use]);
  }

  /** The accesses that follow are made in this address space of this virtual machine. */
  public void addressSpace(int asid, int newVmid) {
    vmid = newVmid;
    long machine = (long) newVmid << Integer.SIZE;
    owner = machine | asid + TranslationCache.FIRST_ASID;
    globalOwner = machine | TranslationCache.GLOBAL;
    last = NO_ACCESS;
  }

  /**
   * One access, in program order.
   *
   * @param vpn {@code va >>> 12} of an untagged address
   * @param type {@link Access#READ}, {@link Access#WRITE} or {@link Access#FETCH}
   * @param page the id of the page in {@link WalkedPages}
   */
  public void access(long vpn, int type, int page) {
    if ((vpn << TYPE_BITS | type) == last) {
      counters.repeats++;
    } else {
      lookUp(vpn, type, page);
    }
  }

  /** The same access {@code times} in a row, at least once. */
  public void access(long vpn, int type, int page, long times) {
    access(vpn, type, page);
    if ((vpn << TYPE_BITS | type) == last) {
      counters.repeats += times - 1;
    } else {
      for (long left = times - 1; left > 0; left--) {
        access(vpn, type, page);
      }
    }
  }

  private void lookUp(long vpn, int type, int page) {
    LookupPath path = l1Paths[type];
    int done = path.useOrRefill(vpn, owner);
    if (done == TranslationCache.OTHER) {
      lookUp(path, vpn, type, page);
    } else if (done == TranslationCache.MISSED) {
      fillFromWalk(path, vpn, type, page);
    } else {
      remember(vpn, type, path.usual());
    }
  }

  private void lookUp(LookupPath path, long vpn, int type, int page) {
    path.lookups++;
    LookupPath.Place found = path.use(vpn, owner, globalOwner);
    if (found != null) {
      TranslationCache cache = found.cache();
      cache.hits++;
      remember(vpn, type, cache);
      return;
    }
    path.misses++;
    if (path.behind() == null || !fillFromL2(path, vpn, type)) {
      fillFromWalk(path, vpn, type, page);
    }
  }

  private boolean fillFromL2(LookupPath first, long vpn, int type) {
    LookupPath path = first.behind();
    LookupPath.Place found = path.use(vpn, owner, globalOwner);
    if (found == null) {
      path.misses++;
      return false;
    }
    TranslationCache cache = found.cache();
    cache.hits++;
    int slot = path.slot();
    long info = cache.info(slot);
    boolean part = (found.tag() & TranslationCache.KIND_MASK) == TranslationCache.PART;
    fillL1(first, vpn, type, part ? EntryInfo.pages(info) : 0, cache.owner(slot), info);
    return true;
  }

  private void fillFromWalk(LookupPath first, long vpn, int type, int page) {
    walker.walk(vpn, type, page, owner, globalOwner & -1L << Integer.SIZE);
    int pageOrder = pages.order(page);
    int order = hinted(page, pageOrder);
    int group = order;
    int run = 0;
    if (order == pageOrder && coalescing.coalesces(order)) {
      if (coalescing.hardware() == CoalescingPolicy.Hardware.AGGREGATION) {
        group = aggregated(vpn, page, order);
      } else {
        run = runAround(vpn, pages.neighbours(page));
      }
    }
    long entryOwner = pages.isGlobal(page) ? globalOwner : owner;
    long plain = info(page, order, order, 0);
    long coalesced = group == order && run == 0 ? plain : info(page, order, group, run);
    if (first.behind() != null) {
      boolean coalesces = coalescing.l2();
      fill(first.behind(), vpn, coalesces ? run : 0, entryOwner, coalesces ? coalesced : plain);
    }
    boolean coalesces = coalescing.l1();
    fillL1(first, vpn, type, coalesces ? run : 0, entryOwner, coalesces ? coalesced : plain);
  }

  /**
   * The info of an entry that covers all of {@code order}. Where hardware put pages together by
   * their physical addresses, their guest physical ones are not known: the entry falls with any.
   */
  private long info(int page, int hintedOrder, int order, int run) {
    int stage2 = pages.stage2Order(page, pages.steps(page));
    boolean coalesced = order > hintedOrder || (run & run - 1) != 0;
    long span = EntryInfo.NO_SPAN;
    if (stage2 != PageWalk.NO_STAGE2) {
      span =
          coalesced
              ? EntryInfo.EVERYWHERE
              : EntryInfo.span(pages.gpa(page), Math.max(stage2, order));
    }
    int extent = Math.max(Translation.stage1Order(pages.translation(page)), order);
    return EntryInfo.of(EntryInfo.ALL_PAGES, extent, order, span);
  }

  private void fillL1(LookupPath path, long vpn, int type, int run, long entryOwner, long info) {
    TranslationCache cache = fill(path, vpn, run, entryOwner, info);
    if (cache != null) {
      remember(vpn, type, cache);
    } else {
      last = NO_ACCESS;
    }
  }

  /** The same access again is a hit in this array. */
  private void remember(long vpn, int type, TranslationCache cache) {
    last = vpn << TYPE_BITS | type;
    counters.repeatOf(type, cache.structure);
  }

  /**
   * Writes one entry of a level.
   *
   * @param run the base pages of the eight around {@code vpn} that may share an entry with it; 0
   *     for its own alone
   * @param info of an entry that covers all of what it stands for
   * @return where it went, or null if no array holds pages so small
   */
  private TranslationCache fill(LookupPath path, long vpn, int run, long entryOwner, long info) {
    int order = EntryInfo.wholeOrder(info);
    LookupPath.Place place = path.place(order, run);
    if (place == null) {
      return null;
    }
    TranslationCache cache = place.cache();
    int tag = place.tag();
    if ((tag & TranslationCache.KIND_MASK) == TranslationCache.PART) {
      fillPart(cache, vpn, tag, run, entryOwner, info);
    } else {
      // An entry of part of a group stands here for its page alone.
      cache.insert(tag, vpn, entryOwner, info | EntryInfo.ALL_PAGES);
      cache.fills[tag]++;
    }
    return cache;
  }

  private void fillPart(
      TranslationCache cache, long vpn, int tag, int run, long entryOwner, long info) {
    int order = EntryInfo.wholeOrder(info);
    int mask = order == 0 ? run | ownPage(vpn) : pagesAround(vpn, order);
    mask &= pagesAround(vpn, tag & TranslationCache.ORDER_MASK);
    cache.removeOverlapping(TranslationCache.key(vpn, tag), entryOwner, mask);
    cache.insert(tag, vpn, entryOwner, EntryInfo.withPages(info, mask));
    int covered = Integer.SIZE - 1 - Integer.numberOfLeadingZeros(Integer.bitCount(mask));
    cache.fills[covered]++;
  }

  /** The effective order with the contiguous bit, if the core uses it. */
  private int hinted(int page, int pageOrder) {
    if (!coalescing.contiguousBit()) {
      return pageOrder;
    }
    int steps = pages.steps(page);
    int stage1 = Translation.stage1Order(pages.translation(page));
    int promise1 = steps == 0 ? TlbArray.MAX_ORDER : Math.max(stage1, pages.stage1GroupOrder(page));
    int stage2 = pages.stage2Order(page, steps);
    int promise2 =
        stage2 == PageWalk.NO_STAGE2
            ? TlbArray.MAX_ORDER
            : Math.max(stage2, pages.stage2GroupOrder(page));
    return Math.max(pageOrder, Math.min(promise1, promise2));
  }

  /** The group's order if all of its pages can share one entry, aligned in physical memory. */
  private int aggregated(long vpn, int page, int order) {
    int count = coalescing.pages();
    int own = (int) (vpn >>> order) & EIGHT_PAGES_MASK;
    int group = (1 << count) - 1 << (own & -count);
    long frame = Translation.pfn(pages.translation(page)) >>> order;
    boolean alignedAlike = ((frame ^ own) & count - 1) == 0;
    return alignedAlike && (pages.neighbours(page) & group) == group
        ? order + coalescing.groupOrder()
        : order;
  }

  /** The run of set bits around a page, within its group. */
  private int runAround(long vpn, int neighbours) {
    int own = (int) vpn & EIGHT_PAGES_MASK;
    int group = pagesAround(vpn, coalescing.groupOrder());
    int within = neighbours & group;
    int run = 1 << own;
    for (int bit = run << 1; (within & bit) != 0; bit <<= 1) {
      run |= bit;
    }
    for (int bit = 1 << own >>> 1; (within & bit) != 0; bit >>>= 1) {
      run |= bit;
    }
    return run;
  }

  private static int ownPage(long vpn) {
    return 1 << ((int) vpn & EIGHT_PAGES_MASK);
  }

  /** The pages of the eight around {@code vpn} that an aligned page of {@code order} covers. */
  private static int pagesAround(long vpn, int order) {
    if (order >= 3) {
      return EntryInfo.ALL_PAGES;
    }
    int count = 1 << order;
    return (1 << count) - 1 << ((int) vpn & EIGHT_PAGES_MASK & -count);
  }

  /** The page's translation changed and was walked anew: entries for it go. */
  public void replace(int page) {
    last = NO_ACCESS;
    long bytes = Order.bytes(pages.order(page));
    invalidator.replace(pages.va(page), bytes, pages.asid(page), vmid);
  }

  /** Drops what the invalidation hits, in program order with the accesses. */
  public void invalidate(TlbInvalidation invalidation) {
    last = NO_ACCESS;
    invalidator.invalidate(invalidation, vmid);
  }

  /** Live. */
  public TlbCounters counters() {
    return counters;
  }

  /** Bytes that the translations in L2, or in L1D if there is no L2, cover at this moment. */
  public long reachBytes() {
    List<TranslationCache> outermost =
        l2.isEmpty() ? l1.subList(geometry.l1Instruction().size(), l1.size()) : l2;
    long bytes = 0;
    for (TranslationCache cache : outermost) {
      for (int slot = 0; slot < cache.entries(); slot++) {
        if (cache.isTranslation(slot)) {
          boolean part = cache.kind(slot) == TranslationCache.PART;
          bytes +=
              part
                  ? Order.bytes(0) * Integer.bitCount(EntryInfo.pages(cache.info(slot)))
                  : Order.bytes(cache.order(slot));
        }
      }
    }
    return bytes;
  }

  public TlbGeometry geometry() {
    return geometry;
  }
}
