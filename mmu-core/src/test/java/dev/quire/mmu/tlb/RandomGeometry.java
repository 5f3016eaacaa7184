package dev.quire.mmu.tlb;

import java.util.ArrayList;
import java.util.EnumSet;
import java.util.List;
import java.util.Random;
import java.util.Set;
import java.util.TreeSet;

/** Small geometries of every shape, so that short sequences fill and overflow them. */
final class RandomGeometry {
  private static final TlbCosts COSTS = new TlbCosts("linear", 1, 7, 20, 2, 3);
  private static final int[] ORDERS = {0, 2, 4, 9, 13, 18};

  private final Random random;
  private int names;

  RandomGeometry(Random random) {
    this.random = random;
  }

  TlbGeometry next() {
    List<TlbArray> instruction = arrays(List.of(EnumSet.of(TlbUse.FETCH)));
    Set<TlbUse> both = EnumSet.of(TlbUse.LOAD, TlbUse.STORE);
    boolean splits = random.nextInt(3) == 0;
    List<TlbArray> data = arrays(splits ? List.of(EnumSet.of(TlbUse.LOAD), both) : List.of(both));
    List<TlbArray> l2 =
        switch (random.nextInt(4)) {
          case 0 -> List.of();
          case 1 -> arrays(List.of(EnumSet.of(TlbUse.FETCH), both));
          default -> arrays(List.of(EnumSet.allOf(TlbUse.class)));
        };
    boolean canShare = !l2.isEmpty();
    boolean fullyAssociative = data.stream().anyMatch(TlbArray::fullyAssociative);
    return new TlbGeometry(
        "random",
        random.nextBoolean() ? TlbIsa.X86_64 : TlbIsa.ARM64,
        instruction,
        data,
        l2,
        canShare && random.nextInt(4) == 0,
        walkCaches(canShare),
        random.nextBoolean(),
        nested(canShare),
        1,
        COSTS,
        coalescing(fullyAssociative));
  }

  private List<TlbArray> arrays(List<Set<TlbUse>> usesOfEach) {
    List<TlbArray> arrays = new ArrayList<>();
    for (Set<TlbUse> uses : usesOfEach) {
      arrays.add(array(uses, random.nextInt(8) != 0));
      if (random.nextInt(3) == 0) {
        arrays.add(array(uses, false));
      }
    }
    return arrays;
  }

  private TlbArray array(Set<TlbUse> uses, boolean withBase) {
    Set<Integer> orders = new TreeSet<>();
    if (withBase) {
      orders.add(0);
    }
    do {
      orders.add(ORDERS[random.nextInt(ORDERS.length)]);
    } while (random.nextInt(3) != 0);
    boolean tree = random.nextInt(4) == 0;
    int ways =
        tree ? 1 << random.nextInt(5) : random.nextInt(3) == 0 ? manyWays() : 1 + random.nextInt(6);
    int sets = random.nextInt(3) == 0 ? 1 : 1 << random.nextInt(4);
    List<TlbArray.WayLimit> limits = new ArrayList<>();
    if (!tree && random.nextInt(4) == 0) {
      for (int order : orders) {
        if (random.nextBoolean()) {
          int first = random.nextInt(ways);
          limits.add(new TlbArray.WayLimit(order, first, 1 + random.nextInt(ways - first)));
        }
      }
    }
    return new TlbArray(
        "array" + names++,
        sets * ways,
        ways,
        List.copyOf(orders),
        uses,
        tree ? TlbReplacement.TREE_PLRU : TlbReplacement.LRU,
        limits);
  }

  /** Few enough to be marked, or so many that they are not. */
  private int manyWays() {
    return random.nextInt(3) == 0 ? 33 + random.nextInt(8) : 9 + random.nextInt(12);
  }

  private List<WalkCache> walkCaches(boolean canShare) {
    List<WalkCache> caches = new ArrayList<>();
    List<List<Integer>> heights =
        switch (random.nextInt(4)) {
          case 0 -> List.of();
          case 1 -> List.of(List.of(1, 2, 3));
          case 2 -> List.of(List.of(1), List.of(2), List.of(3));
          default -> List.of(List.of(2), List.of(1));
        };
    for (List<Integer> held : heights) {
      String name = "walk" + names++;
      caches.add(
          canShare && random.nextInt(3) == 0
              ? WalkCache.inL2(name, held)
              : WalkCache.of(name, held, 4 << random.nextInt(3), 2 << random.nextInt(2)));
    }
    return caches;
  }

  private NestedTlb nested(boolean canShare) {
    return switch (random.nextInt(3)) {
      case 0 -> NestedTlb.NONE;
      case 1 -> canShare ? NestedTlb.inL2(random.nextBoolean() ? 9 : 0) : NestedTlb.of(16, 16);
      default -> NestedTlb.of(8, 2);
    };
  }

  private CoalescingPolicy coalescing(boolean fullyAssociative) {
    int pages = 2 << random.nextInt(3);
    boolean l1 = random.nextBoolean();
    CoalescingPolicy policy =
        switch (random.nextInt(5)) {
          case 0 -> CoalescingPolicy.NONE;
          case 1 ->
              new CoalescingPolicy(
                  false, CoalescingPolicy.Hardware.AGGREGATION, pages, l1, !l1 || pages == 4);
          case 2 ->
              new CoalescingPolicy(
                  false, CoalescingPolicy.Hardware.COLT_SA, pages, l1, !l1 || pages != 4);
          case 3 -> fullyAssociative ? CoalescingPolicy.coltFa(pages) : CoalescingPolicy.NONE;
          default -> CoalescingPolicy.aggregation(pages);
        };
    return policy.withContiguousBit(random.nextBoolean());
  }
}
