package dev.quire.mmu.tlb;

import dev.quire.mmu.Order;
import java.util.Collections;
import java.util.EnumSet;
import java.util.List;
import java.util.Objects;
import java.util.Set;

/**
 * One array of one level of a TLB.
 *
 * @param name for reports; unique in its geometry
 * @param entries how many it holds; {@code entries / ways} sets are a power of two
 * @param ways associativity; equal to {@code entries} for a fully associative array
 * @param orders the page orders an entry may have, ascending. An entry of another order is broken
 *     down to the largest of these below it; one that is smaller than all of them is not held
 * @param uses what it is looked up for, and filled by
 * @param replacement which entry gives way
 * @param limits orders that may live in a part of the ways only; none for a tree
 */
public record TlbArray(
    String name,
    int entries,
    int ways,
    List<Integer> orders,
    Set<TlbUse> uses,
    TlbReplacement replacement,
    List<WayLimit> limits) {

  /** Above any real array; bounds what a file can make the model allocate. */
  public static final int MAX_ENTRIES = 1 << 20;

  /** The largest order of an entry: 512 GiB blocks and 16 GiB contiguous groups fit. */
  public static final int MAX_ORDER = 35;

  private static final int MAX_TREE_WAYS = 64;

  /**
   * Entries of {@code order} live in {@code ways} ways from {@code firstWay}.
   *
   * @param order one of the array's orders
   * @param firstWay the first way, from 0
   * @param ways how many
   */
  public record WayLimit(int order, int firstWay, int ways) {}

  /** Checks every field and copies the collections. */
  public TlbArray {
    checkShape(name, entries, ways);
    Objects.requireNonNull(replacement, "replacement of " + name);
    orders = List.copyOf(orders);
    uses = ordered(uses);
    limits = List.copyOf(limits);
    if (orders.isEmpty() || uses.isEmpty()) {
      throw new IllegalArgumentException(name + " holds no page order or has no use");
    }
    int below = -1;
    for (int order : orders) {
      if (order <= below || order > MAX_ORDER) {
        throw new IllegalArgumentException(
            name + ": page orders " + orders + " do not ascend within 0.." + MAX_ORDER);
      }
      below = order;
    }
    checkReplacement(name, ways, replacement);
    if (!limits.isEmpty() && replacement == TlbReplacement.TREE_PLRU) {
      throw new IllegalArgumentException(name + ": limits of ways need LRU or random replacement");
    }
    for (WayLimit limit : limits) {
      if (!orders.contains(limit.order())
          || limit.firstWay() < 0
          || limit.ways() < 1
          || limit.firstWay() > ways - limit.ways()) {
        throw new IllegalArgumentException(
            name + ": " + limit + " names an order it does not hold or ways it does not have");
      }
    }
  }

  /** An array with LRU replacement and no limits. */
  public static TlbArray of(
      String name, int entries, int ways, List<Integer> orders, Set<TlbUse> uses) {
    return new TlbArray(name, entries, ways, orders, uses, TlbReplacement.LRU, List.of());
  }

  /** Whether any entry may be in any place. */
  public boolean fullyAssociative() {
    return ways == entries;
  }

  /** A copy that always prints in the same order. */
  static Set<TlbUse> ordered(Set<TlbUse> uses) {
    Set<TlbUse> copy = EnumSet.noneOf(TlbUse.class);
    copy.addAll(uses);
    return Collections.unmodifiableSet(copy);
  }

  static void checkShape(String name, int entries, int ways) {
    if (name == null || name.isBlank()) {
      throw new IllegalArgumentException("an array of a TLB has no name");
    }
    if (entries < 1 || entries > MAX_ENTRIES) {
      throw new IllegalArgumentException(
          name + ": " + entries + " entries are not in 1.." + MAX_ENTRIES);
    }
    if (ways < 1 || ways > entries || entries % ways != 0) {
      throw new IllegalArgumentException(
          name + ": " + ways + " ways do not divide " + entries + " entries");
    }
    if (Integer.bitCount(entries / ways) != 1) {
      throw new IllegalArgumentException(
          name
              + ": "
              + entries
              + " entries in "
              + ways
              + " ways make "
              + entries / ways
              + " sets, which is not a power of two");
    }
  }

  static void checkReplacement(String name, int ways, TlbReplacement replacement) {
    if (replacement == TlbReplacement.TREE_PLRU
        && (ways > MAX_TREE_WAYS || Integer.bitCount(ways) != 1)) {
      throw new IllegalArgumentException(
          name
              + ": a tree over "
              + ways
              + " ways; a power of two up to "
              + MAX_TREE_WAYS
              + " is needed");
    }
  }

  /** Bytes covered when full of pages of its smallest order. */
  public long baseReachBytes() {
    return entries * Order.bytes(orders.get(0));
  }
}
