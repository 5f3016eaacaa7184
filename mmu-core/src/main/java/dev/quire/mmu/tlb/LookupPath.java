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

  /** By the order of what is to be filled; null where no array holds it. */
  private final TranslationCache[] fillCaches = new TranslationCache[MAX_ORDER + 1];

  private final int[] fillTags = new int[MAX_ORDER + 1];

  /** Where a run of two base pages or more goes, or null if where one page goes. */
  private TranslationCache runCache;

  private final int groupOrder;

  /**
   * @param arrays those of the level that serve the use
   * @param caches of the same
   * @param coalescing at this level
   */
  LookupPath(List<TlbArray> arrays, List<TranslationCache> caches, CoalescingPolicy coalescing) {
    groupOrder = coalescing.groupOrder();
    record Probe(TranslationCache cache, int tag) {}
    List<Probe> probes = new ArrayList<>();
    for (int i = 0; i < arrays.size(); i++) {
      TlbArray array = arrays.get(i);
      TranslationCache cache = caches.get(i);
      for (int tag : tags(array, coalescing)) {
        probes.add(new Probe(cache, tag));
        offer(cache, tag);
      }
      if (coalescing.hardware() == CoalescingPolicy.Hardware.COLT_FA && array.fullyAssociative()) {
        // Another use may have filled any of them.
        probes.add(new Probe(cache, TranslationCache.PART | groupOrder));
        runCache = runCache == null ? cache : runCache;
      }
    }
    if (probes.size() > Long.SIZE) {
      throw new IllegalArgumentException(
          arrays.get(0).name() + " and the arrays beside it hold more than 64 sizes in all");
    }
    probes.sort(Comparator.comparingInt(probe -> probe.tag() & TranslationCache.ORDER_MASK));
    probeCaches = probes.stream().map(Probe::cache).toArray(TranslationCache[]::new);
    probeTags = probes.stream().mapToInt(Probe::tag).toArray();
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
  private void offer(TranslationCache cache, int tag) {
    int native0 = nativeOrder(tag);
    for (int order = native0; order <= MAX_ORDER; order++) {
      if (fillCaches[order] == null || native0 > nativeOrder(fillTags[order])) {
        fillCaches[order] = cache;
        fillTags[order] = tag;
      }
    }
  }

  /** The order of the page that an entry with this tag can stand for, at least. */
  private static int nativeOrder(int tag) {
    boolean part = (tag & TranslationCache.KIND_MASK) == TranslationCache.PART;
    return part ? 0 : tag & TranslationCache.ORDER_MASK;
  }

  /** The slot of the translation of a page in {@link #found}, or -1. */
  int find(long vpn, long owner, long globalOwner) {
    TranslationCache sole = soleCache;
    if (sole != null) {
      foundIn(sole, soleTag);
      return sole.find(soleTag, vpn, owner, globalOwner);
    }
    for (long rest = active; rest != 0; rest &= rest - 1) {
      int probe = Long.numberOfTrailingZeros(rest);
      TranslationCache cache = probeCaches[probe];
      int slot = cache.find(probeTags[probe], vpn, owner, globalOwner);
      if (slot >= 0) {
        foundIn(cache, probeTags[probe]);
        return slot;
      }
    }
    return NONE;
  }

  private void foundIn(TranslationCache cache, int tag) {
    foundTag = tag;
    // Mostly the one of before: storing a reference costs more than looking.
    if (found != cache) {
      found = cache;
    }
  }

  /** Where the slot that {@link #find} gave last is. */
  TranslationCache found() {
    return found;
  }

  /** The tag of its entry. */
  int foundTag() {
    return foundTag;
  }

  /**
   * The array that a page goes to, or null.
   *
   * @param order of the page
   * @param run the base pages of its group that can share an entry with it
   */
  TranslationCache fillCache(int order, int run) {
    return run != 0 && isRun(order, run) ? runCache : fillCaches[order];
  }

  /** The tag of its entry there. */
  int fillTag(int order, int run) {
    return run != 0 && isRun(order, run) ? TranslationCache.PART | groupOrder : fillTags[order];
  }

  private boolean isRun(int order, int run) {
    return runCache != null && order == 0 && (run & run - 1) != 0;
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
