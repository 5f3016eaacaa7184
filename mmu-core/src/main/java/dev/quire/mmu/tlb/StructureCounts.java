package dev.quire.mmu.tlb;

import java.util.Map;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.function.LongBinaryOperator;

/**
 * What one level, array, walk cache or nested TLB counted. Plain data.
 *
 * @param name the level's or the geometry's
 * @param accesses lookups
 * @param hits lookups that found an entry
 * @param misses lookups that did not
 * @param fills entries written
 * @param fillsByOrder the same by the order of the entry, for orders that occurred: what it covers,
 *     rounded down to a power of two where that is a part of a group
 */
public record StructureCounts(
    String name,
    long accesses,
    long hits,
    long misses,
    long fills,
    SortedMap<Integer, Long> fillsByOrder) {

  /** What was counted since {@code earlier}. */
  public StructureCounts minus(StructureCounts earlier) {
    return combined(earlier, (a, b) -> a - b);
  }

  /** The sum, for a total over vCPUs. */
  public StructureCounts plus(StructureCounts other) {
    return combined(other, Long::sum);
  }

  private StructureCounts combined(StructureCounts other, LongBinaryOperator operator) {
    if (!name.equals(other.name)) {
      throw new IllegalArgumentException("counts of " + name + " and of " + other.name);
    }
    SortedMap<Integer, Long> orders = new TreeMap<>(fillsByOrder);
    for (Map.Entry<Integer, Long> entry : other.fillsByOrder.entrySet()) {
      long mine = orders.getOrDefault(entry.getKey(), 0L);
      orders.put(entry.getKey(), operator.applyAsLong(mine, entry.getValue()));
    }
    orders.values().removeIf(count -> count == 0);
    return new StructureCounts(
        name,
        operator.applyAsLong(accesses, other.accesses),
        operator.applyAsLong(hits, other.hits),
        operator.applyAsLong(misses, other.misses),
        operator.applyAsLong(fills, other.fills),
        orders);
  }
}
