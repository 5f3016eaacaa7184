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

  private final Place[] probes;
  private long active;

  /** If one size of one array alone is present, as is most often so: that. */
  private Place sole;

  /** Where the usual miss in {@link #sole} finds its entry; null if misses are not usual now. */
  private Place source;

  private int slot;

  /** Whose misses come here; null at L1. */
  private LookupPath front;

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
    if (behind != null) {
      behind.front = this;
    }
    int groupOrder = coalescing.groupOrder();
    List<Place> sizes = new ArrayList<>();
    for (int i = 0; i < arrays.size(); i++) {
      TlbArray array = arrays.get(i);
      TranslationCache cache = caches.get(i);
      for (int tag : tags(array, coalescing)) {
        Place place = new Place(cache, tag);
        sizes.add(place);
        offer(place);
      }
      if (coalescing.hardware() == CoalescingPolicy.Hardware.COLT_FA && array.fullyAssociative()) {
        // Another use may have filled any of them.
        Place place = new Place(cache, TranslationCache.PART | groupOrder);
        sizes.add(place);
        runPlace = runPlace == null ? place : runPlace;
      }
    }
    if (sizes.size() > Long.SIZE) {
      throw new IllegalArgumentException(
          arrays.get(0).name() + " and the arrays beside it hold more than 64 sizes in all");
    }
    sizes.sort(Comparator.comparingInt(size -> size.tag() & TranslationCache.ORDER_MASK));
    probes = sizes.toArray(Place[]::new);
    for (TranslationCache cache : caches) {
      cache.census().addWatcher(this);
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

  /** Where the translation of a page is, now the one used last; or null. */
  Place use(long vpn, long owner, long globalOwner) {
    Place place = sole;
    if (place == null) {
      return useSeveral(vpn, owner, globalOwner);
    }
    slot = place.cache.use(place.tag, vpn, owner, globalOwner);
    return slot >= 0 ? place : null;
  }

  private Place useSeveral(long vpn, long owner, long globalOwner) {
    for (long rest = active; rest != 0; rest &= rest - 1) {
      Place place = probes[Long.numberOfTrailingZeros(rest)];
      slot = place.cache.use(place.tag, vpn, owner, globalOwner);
      if (slot >= 0) {
        return place;
      }
    }
    return null;
  }

  /**
   * The usual access here and in the level behind, counted, as {@link
   * TranslationCache#useOrRefill}.
   */
  int useOrRefill(long vpn, long owner) {
    Place from = source;
    if (from == null) {
      return TranslationCache.OTHER;
    }
    Place to = sole;
    int done = to.cache.useOrRefill(to.tag, from.cache, from.tag, vpn, owner);
    if (done == TranslationCache.HIT) {
      lookups++;
    } else if (done != TranslationCache.OTHER) {
      lookups++;
      misses++;
      if (done == TranslationCache.MISSED) {
        behind.misses++;
      }
    }
    return done;
  }

  /** Where the usual access left its entry. */
  TranslationCache usual() {
    return sole.cache;
  }

  /** The slot in the place that {@link #use} gave last, until the next entry is written. */
  int slot() {
    return slot;
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
    for (int probe = 0; probe < probes.length; probe++) {
      if (probes[probe].tag == tag && probes[probe].cache == cache) {
        active = present ? active | 1L << probe : active & ~(1L << probe);
      }
    }
    boolean one = Long.bitCount(active) == 1;
    sole = one ? probes[Long.numberOfTrailingZeros(active)] : null;
    if (front == null) {
      findSource();
    } else {
      front.findSource();
    }
  }

  private void findSource() {
    Place from = behind == null ? null : behind.sole;
    boolean usual =
        from != null
            && sole != null
            && sole.tag <= TranslationCache.ORDER_MASK
            && places[sole.tag] == sole
            && sole.cache.isPlain()
            && from.tag <= TranslationCache.ORDER_MASK
            && from.cache != sole.cache;
    source = usual ? from : null;
  }
}
