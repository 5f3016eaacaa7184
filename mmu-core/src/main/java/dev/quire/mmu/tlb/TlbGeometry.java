package dev.quire.mmu.tlb;

import java.util.ArrayList;
import java.util.EnumSet;
import java.util.HashSet;
import java.util.List;
import java.util.Objects;
import java.util.Set;

/**
 * One core's caches of translations, as plain data. Immutable; where the figures come from is kept
 * beside them by whoever reads the preset.
 *
 * @param name of the preset
 * @param isa whose invalidation rules it follows
 * @param l1Instruction arrays looked up together by fetches
 * @param l1Data arrays looked up together by loads, by stores, or both
 * @param l2 arrays looked up together after a miss in L1; empty if there is no L2
 * @param l2Inclusive whether an entry that leaves L2 leaves L1 too
 * @param walkCaches of stage-1 tables; at most one for each height
 * @param walkCachesHoldHostAddresses whether a walk cache gives the next table's physical address,
 *     so that no second-stage translation of it is needed (combined mappings, SDM vol. 3C 28.3.2),
 *     or its guest physical address
 * @param nested the cache of second-stage translations
 * @param walkers how many walks may be under way; reported, not used by the linear cost model
 * @param costs cycles
 * @param coalescing when an entry covers more than one page
 */
public record TlbGeometry(
    String name,
    TlbIsa isa,
    List<TlbArray> l1Instruction,
    List<TlbArray> l1Data,
    List<TlbArray> l2,
    boolean l2Inclusive,
    List<WalkCache> walkCaches,
    boolean walkCachesHoldHostAddresses,
    NestedTlb nested,
    int walkers,
    TlbCosts costs,
    CoalescingPolicy coalescing) {
  private static final Set<TlbUse> INSTRUCTION = EnumSet.of(TlbUse.FETCH);
  private static final Set<TlbUse> DATA = EnumSet.of(TlbUse.LOAD, TlbUse.STORE);
  private static final int MAX_ARRAYS = 16;

  /** Checks every field and copies the lists. */
  public TlbGeometry {
    if (name == null || name.isBlank()) {
      throw new IllegalArgumentException("a TLB geometry has no name");
    }
    Objects.requireNonNull(isa, "isa of " + name);
    Objects.requireNonNull(nested, "nested TLB of " + name);
    Objects.requireNonNull(costs, "costs of " + name);
    Objects.requireNonNull(coalescing, "coalescing of " + name);
    l1Instruction = List.copyOf(l1Instruction);
    l1Data = List.copyOf(l1Data);
    l2 = List.copyOf(l2);
    walkCaches = List.copyOf(walkCaches);
    checkUses(name, "L1 instruction", l1Instruction, INSTRUCTION);
    checkUses(name, "L1 data", l1Data, DATA);
    checkNames(name, l1Instruction, l1Data, l2, walkCaches);
    checkShared(name, l2, walkCaches, nested);
    if (walkers < 1) {
      throw new IllegalArgumentException(
          name + ": " + walkers + " walkers: at least one is needed");
    }
    if (l2Inclusive && l2.isEmpty()) {
      throw new IllegalArgumentException(name + " has no L2 that could be inclusive");
    }
    if (coalescing.hardware() == CoalescingPolicy.Hardware.COLT_FA
        && l1Data.stream().noneMatch(TlbArray::fullyAssociative)) {
      throw new IllegalArgumentException(
          name + ": CoLT-FA needs a fully associative L1 data array");
    }
  }

  /** The same core with another policy. */
  public TlbGeometry withCoalescing(CoalescingPolicy policy) {
    return new TlbGeometry(
        name,
        isa,
        l1Instruction,
        l1Data,
        l2,
        l2Inclusive,
        walkCaches,
        walkCachesHoldHostAddresses,
        nested,
        walkers,
        costs,
        policy);
  }

  /** What L2 is looked up for; empty without one. */
  Set<TlbUse> l2Uses() {
    return uses(l2);
  }

  private static Set<TlbUse> uses(List<TlbArray> arrays) {
    Set<TlbUse> uses = EnumSet.noneOf(TlbUse.class);
    arrays.forEach(array -> uses.addAll(array.uses()));
    return uses;
  }

  private static void checkUses(
      String name, String level, List<TlbArray> arrays, Set<TlbUse> allowed) {
    Set<TlbUse> served = EnumSet.noneOf(TlbUse.class);
    for (TlbArray array : arrays) {
      if (!allowed.containsAll(array.uses())) {
        throw new IllegalArgumentException(
            name + ": " + array.name() + " in " + level + " is used for " + array.uses());
      }
      served.addAll(array.uses());
    }
    if (!served.equals(allowed)) {
      throw new IllegalArgumentException(
          name + ": the arrays of " + level + " serve " + served + ", not all of " + allowed);
    }
  }

  private static void checkNames(
      String name,
      List<TlbArray> l1Instruction,
      List<TlbArray> l1Data,
      List<TlbArray> l2,
      List<WalkCache> walkCaches) {
    List<String> names = new ArrayList<>();
    for (List<TlbArray> level : List.of(l1Instruction, l1Data, l2)) {
      level.forEach(array -> names.add(array.name()));
    }
    walkCaches.forEach(cache -> names.add(cache.name()));
    if (new HashSet<>(names).size() != names.size()) {
      throw new IllegalArgumentException(name + ": the names " + names + " are not unique");
    }
    if (names.size() > MAX_ARRAYS) {
      throw new IllegalArgumentException(
          name + ": " + names.size() + " arrays, above " + MAX_ARRAYS);
    }
  }

  private static void checkShared(
      String name, List<TlbArray> l2, List<WalkCache> walkCaches, NestedTlb nested) {
    Set<Integer> heights = new HashSet<>();
    boolean shared = nested.kind() == NestedTlb.Kind.IN_L2;
    for (WalkCache cache : walkCaches) {
      shared |= cache.sharesL2();
      for (int height : cache.heights()) {
        if (!heights.add(height)) {
          throw new IllegalArgumentException(
              name + ": height " + height + " is in more than one walk cache");
        }
      }
    }
    if (!shared) {
      return;
    }
    Set<TlbUse> served = uses(l2);
    if (served.size() != TlbUse.values().length) {
      throw new IllegalArgumentException(
          name + ": a walk cache or the nested TLB shares an L2 that serves " + served + " only");
    }
  }
}
