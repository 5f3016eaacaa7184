package dev.quire.mmu.tlb;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.EnumSet;
import java.util.List;
import java.util.Set;
import java.util.SortedMap;
import java.util.TreeMap;

/**
 * What one {@link TlbHierarchy} counts, live. Written and read by the vCPU's thread; {@link
 * #snapshot} gives plain data.
 *
 * <p>Hits are counted by the array that had the entry, accesses by use, misses by level, fills by
 * array and order: that the three agree is a property of the model, not of this class.
 */
public final class TlbCounters {
  private static final int ORDERS = 64;

  /** Offsets of a structure's counters. */
  private static final int ACCESS = 0;

  private static final int HIT = 1;
  private static final int MISS = 2;
  private static final int FILL = 3;
  private static final int STRIDE = FILL + ORDERS;

  private final TlbGeometry geometry;
  private final List<String> names = new ArrayList<>();

  /** Of L1, by use; those of L2 are behind them. */
  private final LookupPath[] paths;

  private final TranslationCache[] arrays;

  /** Walks, then structures; those that are arrays and paths count by themselves. */
  final long[] counts;

  static final int WALK = 0;
  static final int STAGE1_REFERENCE = WALK + 1;
  static final int STAGE2_REFERENCE = WALK + 2;
  static final int WALK_CACHE_HIT = WALK + 3;
  private static final int STRUCTURES = WALK + 4;

  /** Accesses just like the one before, not yet among the counts; and where they belong. */
  long repeats;

  private int repeatUse;
  private int repeatArray;

  TlbCounters(TlbGeometry geometry, LookupPath[] paths, List<TranslationCache> arrays) {
    this.geometry = geometry;
    this.paths = paths;
    this.arrays = arrays.toArray(TranslationCache[]::new);
    geometry.l1Instruction().forEach(array -> names.add(array.name()));
    geometry.l1Data().forEach(array -> names.add(array.name()));
    geometry.l2().forEach(array -> names.add(array.name()));
    geometry.walkCaches().forEach(cache -> names.add(cache.name()));
    names.add("nested");
    counts = new long[STRUCTURES + names.size() * STRIDE];
  }

  /** Where a structure's lookups are counted: walk caches and the nested TLB alone. */
  static int access(int structure) {
    return STRUCTURES + structure * STRIDE + ACCESS;
  }

  static int hit(int structure) {
    return STRUCTURES + structure * STRIDE + HIT;
  }

  static int miss(int structure) {
    return STRUCTURES + structure * STRIDE + MISS;
  }

  static int fill(int structure, int order) {
    return STRUCTURES + structure * STRIDE + FILL + order;
  }

  /** Accesses just like the one now under way will be hits of this array. */
  void repeatOf(int use, int array) {
    if (repeats != 0) {
      settle();
    }
    repeatUse = use;
    repeatArray = array;
  }

  private void settle() {
    paths[repeatUse].lookups += repeats;
    arrays[repeatArray].hits += repeats;
    repeats = 0;
  }

  /** The counts at this moment. */
  public Snapshot snapshot() {
    settle();
    int next = 0;
    List<StructureCounts> structures = new ArrayList<>();
    for (TlbArray array : geometry.l1Instruction()) {
      structures.add(array(array, next++, lookups(array.uses())));
    }
    for (TlbArray array : geometry.l1Data()) {
      structures.add(array(array, next++, lookups(array.uses())));
    }
    for (TlbArray array : geometry.l2()) {
      structures.add(array(array, next++, misses(array.uses())));
    }
    int firstL1Data = geometry.l1Instruction().size();
    int firstL2 = firstL1Data + geometry.l1Data().size();
    List<StructureCounts> levels =
        List.of(
            level(TlbLevel.L1I, structures.subList(0, firstL1Data)),
            level(TlbLevel.L1D, structures.subList(firstL1Data, firstL2)),
            level(TlbLevel.L2, structures.subList(firstL2, next)));
    for (int structure = next; structure < names.size(); structure++) {
      structures.add(
          new StructureCounts(
              names.get(structure),
              counts[access(structure)],
              counts[hit(structure)],
              counts[miss(structure)],
              fills(structure),
              byOrder(counts, fill(structure, 0))));
    }
    int nested = names.size() - 1;
    return new Snapshot(
        geometry.name(),
        levels,
        List.copyOf(structures),
        new WalkCounts(
            counts[WALK],
            counts[STAGE1_REFERENCE],
            counts[STAGE2_REFERENCE],
            counts[WALK_CACHE_HIT],
            counts[hit(nested)]),
        geometry.costs());
  }

  private StructureCounts array(TlbArray array, int index, long looked) {
    TranslationCache cache = arrays[index];
    long filled = Arrays.stream(cache.fills).sum();
    return new StructureCounts(
        array.name(), looked, cache.hits, looked - cache.hits, filled, byOrder(cache.fills, 0));
  }

  private StructureCounts level(TlbLevel level, List<StructureCounts> arrays) {
    long hits = 0;
    long fills = 0;
    SortedMap<Integer, Long> orders = new TreeMap<>();
    for (StructureCounts array : arrays) {
      hits += array.hits();
      fills += array.fills();
      array.fillsByOrder().forEach((order, count) -> orders.merge(order, count, Long::sum));
    }
    Set<TlbUse> uses =
        switch (level) {
          case L1I -> EnumSet.of(TlbUse.FETCH);
          case L1D -> EnumSet.of(TlbUse.LOAD, TlbUse.STORE);
          case L2 -> geometry.l2Uses();
        };
    boolean second = level == TlbLevel.L2;
    long accesses = second ? misses(uses) : lookups(uses);
    long misses = second ? missesOfL2(uses) : misses(uses);
    return new StructureCounts(level.name(), accesses, hits, misses, fills, orders);
  }

  private long lookups(Set<TlbUse> uses) {
    return uses.stream().mapToLong(use -> paths[use.ordinal()].lookups).sum();
  }

  private long misses(Set<TlbUse> uses) {
    return uses.stream().mapToLong(use -> paths[use.ordinal()].misses).sum();
  }

  private long missesOfL2(Set<TlbUse> uses) {
    return uses.stream().mapToLong(use -> paths[use.ordinal()].behind().misses).sum();
  }

  private long fills(int structure) {
    long sum = 0;
    for (int order = 0; order < ORDERS; order++) {
      sum += counts[fill(structure, order)];
    }
    return sum;
  }

  private static SortedMap<Integer, Long> byOrder(long[] from, int first) {
    SortedMap<Integer, Long> orders = new TreeMap<>();
    for (int order = 0; order < ORDERS; order++) {
      if (from[first + order] != 0) {
        orders.put(order, from[first + order]);
      }
    }
    return orders;
  }

  /**
   * Counts at one moment; plain data with subtraction.
   *
   * @param geometry its name
   * @param levels by {@link TlbLevel}
   * @param structures every array in the geometry's order, every walk cache, the nested TLB
   * @param walks what walks did
   * @param costs the model that turns counts into cycles
   */
  public record Snapshot(
      String geometry,
      List<StructureCounts> levels,
      List<StructureCounts> structures,
      WalkCounts walks,
      TlbCosts costs) {

    public StructureCounts level(TlbLevel level) {
      return levels.get(level.ordinal());
    }

    /** Accesses of every type. */
    public long accesses() {
      return level(TlbLevel.L1I).accesses() + level(TlbLevel.L1D).accesses();
    }

    /** Misses of every type at L1. */
    public long l1Misses() {
      return level(TlbLevel.L1I).misses() + level(TlbLevel.L1D).misses();
    }

    /** See {@link TlbCosts}. */
    public long walkCycles() {
      return walks.references() * costs.referenceCycles()
          + walks.walkCacheHits() * costs.walkCacheHitCycles()
          + walks.nestedHits() * costs.nestedHitCycles();
    }

    /** See {@link TlbCosts}. */
    public long translationCycles() {
      return accesses() * costs.l1HitCycles()
          + level(TlbLevel.L2).accesses() * costs.l2ExtraCycles()
          + walkCycles();
    }

    /** What was counted since {@code earlier}, of the same geometry. */
    public Snapshot minus(Snapshot earlier) {
      checkSame(earlier);
      List<StructureCounts> newLevels = new ArrayList<>();
      for (int i = 0; i < levels.size(); i++) {
        newLevels.add(levels.get(i).minus(earlier.levels.get(i)));
      }
      List<StructureCounts> newStructures = new ArrayList<>();
      for (int i = 0; i < structures.size(); i++) {
        newStructures.add(structures.get(i).minus(earlier.structures.get(i)));
      }
      return new Snapshot(geometry, newLevels, newStructures, walks.minus(earlier.walks), costs);
    }

    /** The sum, for a total over vCPUs with the same geometry. */
    public Snapshot plus(Snapshot other) {
      checkSame(other);
      List<StructureCounts> newLevels = new ArrayList<>();
      for (int i = 0; i < levels.size(); i++) {
        newLevels.add(levels.get(i).plus(other.levels.get(i)));
      }
      List<StructureCounts> newStructures = new ArrayList<>();
      for (int i = 0; i < structures.size(); i++) {
        newStructures.add(structures.get(i).plus(other.structures.get(i)));
      }
      return new Snapshot(geometry, newLevels, newStructures, walks.plus(other.walks), costs);
    }

    private void checkSame(Snapshot other) {
      if (!geometry.equals(other.geometry) || structures.size() != other.structures.size()) {
        throw new IllegalArgumentException(
            "counts of " + geometry + " and of " + other.geometry + " do not combine");
      }
    }
  }
}
