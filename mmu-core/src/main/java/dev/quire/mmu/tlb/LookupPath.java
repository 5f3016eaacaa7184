package dev.quire.mmu.tlb;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;

/**
 * One level as one use of it sees it: which arrays are probed for which sizes, and where an entry
 * goes. Smaller pages are probed first, then arrays in the geometry's order; only sizes that are
 * present are probed.
 */
final class LookupPath {
  private static final int MAX_ORDER = TranslationCache.ORDER_MASK;
  private static final int NONE = -1;

  private final TranslationCache[] probeCaches;
  private final int[] probeTags;
  private long active;

  /** If one size of one array alone is present, as is most often so: that. */
  private TranslationCache soleCache;

  private int soleTag;
  private TranslationCache found;
  private int foundTag;

  /** What is looked up here, but for the repeats of {@link TlbCounters}, and not found. */
  long lookups;

  long misses;

  /** Where it is looked up next; null where there is no further level. */
  private final LookupPath behind;

  /** Where an entry goes, and its tag there. */
  record Place(TranslationCache cache, int tag) {
    /** The order of the page that an entry with this tag can stand for, at least. */
    private int nativeOrder() {
      boolean part = (tag & TranslationCache.KIND_MASK) == TranslationCache.PART;
      return part ? 0 : tag & TranslationCache.ORDER_MASK;
    }
  }

  /** By the order of what is to be filled; null where no array holds it. */
  private final Place[] places = new Place[MAX_ORDER + 1];

  /** Where a run of two base pages or more goes, or null if where one page goes. */
  private Place runPlace;

  /**
   * @param arrays those of the level that serve the use
   * @param caches of the same
   * @param coalescing at this level
   * @param behind null at the last level
   */
  LookupPath(
      List<TlbArray> arrays,
      List<TranslationCache> caches,
      CoalescingPolicy coalescing,
      LookupPath behind) {
    this.behind = behind;
    int groupOrder = coalescing.groupOrder();
    List<Place> probes = new ArrayList<>();
    for (int i = 0; i < arrays.size(); i++) {
      TlbArray array = arrays.get(i);
      TranslationCache cache = caches.get(i);
      for (int tag : tags(array, coalescing)) {
        Place place = new Place(cache, tag);
        probes.add(place);
        offer(place);
      }
      if (coalescing.hardware() == CoalescingPolicy.Hardware.COLT_FA && array.fullyAssociative()) {
        // Another use may have filled any of them.
        Place place = new Place(cache, TranslationCache.PART | groupOrder);
        probes.add(place);
        runPlace = runPlace == null ? place : runPlace;
      }
    }
    if (probes.size() > Long.SIZE) {
      throw new IllegalArgumentException(
          arrays.get(0).name() + " and the arrays beside it hold more than 64 sizes in all");
    }
    probes.sort(Comparator.comparingInt(probe -> probe.tag() & TranslationCache.ORDER_MASK));
    probeCaches = probes.stream().map(Place::cache).toArray(TranslationCache[]::new);
    probeTags = probes.stream().mapToInt(Place::tag).toArray();
    for (TranslationCache cache : caches) {
      cache.addWatcher(this);
    }
  }

  /** The tags of an array's entries. */
  private static int[] tags(TlbArray array, CoalescingPolicy coalescing) {
    int groupOrder = coalescing.groupOrder();
    return switch (coalescing.hardware()) {
      case NONE, COLT_FA -> array.orders().stream().mapToInt(order -> order).toArray();
      case AGGREGATION ->
          array.orders().stream()
              .flatMap(
                  order ->
                      coalescing.coalesces(order)
                          ? List.of(order, order + groupOrder).stream()
                          : List.of(order).stream())
              .mapToInt(order -> order)
              .distinct()
              .sorted()
              .toArray();
      case COLT_SA ->
          array.orders().stream()
              .mapToInt(
                  order -> coalescing.coalesces(order) ? TranslationCache.PART | groupOrder : order)
              .toArray();
    };
  }

  /** Makes an array the place for the orders it holds better than those before it. */
  private void offer(Place place) {
    int native0 = place.nativeOrder();
    for (int order = native0; order <= MAX_ORDER; order++) {
      if (places[order] == null || native0 > places[order].nativeOrder()) {
        places[order] = place;
      }
    }
  }

  LookupPath behind() {
    return behind;
  }

  /** The slot of the translation of a page in {@link #found}, now the one used last; or -1. */
  int use(long vpn, long owner, long globalOwner) {
    TranslationCache sole = soleCache;
    if (sole != null) {
      return sole.use(soleTag, vpn, owner, globalOwner);
    }
    for (long rest = active; rest != 0; rest &= rest - 1) {
      int probe = Long.numberOfTrailingZeros(rest);
      TranslationCache cache = probeCaches[probe];
      int slot = cache.use(probeTags[probe], vpn, owner, globalOwner);
      if (slot >= 0) {
        found = cache;
        foundTag = probeTags[probe];
        return slot;
      }
    }
    return NONE;
  }

  /** Where the slot that {@link #use} gave last is, until the next entry is written. */
  TranslationCache found() {
    return soleCache != null ? soleCache : found;
  }

  /** The tag of its entry. */
  int foundTag() {
    return soleCache != null ? soleTag : foundTag;
  }

  /**
   * The place that a page goes to, or null.
   *
   * @param order of the page
   * @param run the base pages of its group that can share an entry with it
   */
  Place place(int order, int run) {
    return run != 0 && isRun(order, run) ? runPlace : places[order];
  }

  private boolean isRun(int order, int run) {
    return runPlace != null && order == 0 && (run & run - 1) != 0;
  }

  /** An order appeared in a cache or vanished from it. */
  void presence(TranslationCache cache, int tag, boolean present) {
    for (int probe = 0; probe < probeTags.length; probe++) {
      if (probeTags[probe] == tag && probeCaches[probe] == cache) {
        active = present ? active | 1L << probe : active & ~(1L << probe);
      }
    }
    soleCache = null;
    if (Long.bitCount(active) == 1) {
      int probe = Long.numberOfTrailingZeros(active);
      soleCache = probeCaches[probe];
      soleTag = probeTags[probe];
    }
  }
}
