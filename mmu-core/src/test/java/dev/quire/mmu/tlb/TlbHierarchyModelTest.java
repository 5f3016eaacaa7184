package dev.quire.mmu.tlb;

import static org.assertj.core.api.Assertions.assertThat;

import dev.quire.mmu.TlbInvalidation;
import java.util.Map;
import java.util.Random;
import java.util.TreeMap;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Random accesses and invalidations over random geometries: the fast model counts what {@link
 * ReferenceTlb} counts, and its counts add up.
 */
class TlbHierarchyModelTest {
  private static final int GEOMETRIES = 24;
  private static final int OPERATIONS = 2_000;
  private static final int ASIDS = 3;
  private static final int VMIDS = 2;

  @ParameterizedTest
  @ValueSource(ints = {1, 2, 3, 4, 5})
  void countsAsTheReferenceDoes(int part) {
    for (int i = 0; i < GEOMETRIES; i++) {
      new Run(1_000L * part + i).run();
    }
  }

  private static final class Run {
    private final long seed;
    private final Random random;
    private final TlbGeometry geometry;
    private final RandomWorld world;
    private final TlbHierarchy fast;
    private final ReferenceTlb slow;
    private int asid;
    private int vmid;
    private long lastVpn;

    Run(long seed) {
      this.seed = seed;
      random = new Random(seed);
      geometry = new RandomGeometry(random).next();
      WalkedPages pages = new WalkedPages();
      world = new RandomWorld(random, pages);
      fast = new TlbHierarchy(geometry, pages, seed);
      slow = new ReferenceTlb(geometry);
      lastVpn = world.anyVpn(random);
    }

    void run() {
      for (int operation = 0; operation < OPERATIONS; operation++) {
        String done = step();
        if (operation % 10 == 0 || operation == OPERATIONS - 1) {
          TlbCounters.Snapshot snapshot = fast.counters().snapshot();
          assertThat(flat(snapshot))
              .as("seed %d, operation %d: %s, %s", seed, operation, done, geometry)
              .isEqualTo(slow.counts);
          assertThat(fast.reachBytes()).as("seed %d", seed).isEqualTo(slow.reachBytes());
          checkIdentities(snapshot);
        }
      }
    }

    private String step() {
      int choice = random.nextInt(100);
      if (choice < 85) {
        return access();
      }
      if (choice < 90) {
        asid = random.nextInt(ASIDS);
        vmid = random.nextInt(8) == 0 ? random.nextInt(VMIDS) : vmid;
        fast.addressSpace(asid, vmid);
        slow.addressSpace(asid, vmid);
        return "address space " + asid + " of " + vmid;
      }
      if (choice < 92) {
        long vpn = world.anyVpn(random);
        fast.replace(world.idOf(vpn, asid, vmid));
        slow.replace(world.page(vpn, asid, vmid), asid);
        return "replace " + Long.toHexString(vpn);
      }
      if (choice == 92) {
        long first = world.remap(world.anyVpn(random));
        for (int machine = 0; machine < VMIDS; machine++) {
          fast.addressSpace(asid, machine);
          slow.addressSpace(asid, machine);
          invalidate(new TlbInvalidation.Range(first << 12, 1L << 30, -1, false));
          invalidate(new TlbInvalidation.GuestPhysical(0, 1L << 50));
        }
        fast.addressSpace(asid, vmid);
        slow.addressSpace(asid, vmid);
        return "remap " + Long.toHexString(first);
      }
      return invalidate(anyInvalidation()).toString();
    }

    private String access() {
      int choice = random.nextInt(4);
      long near = lastVpn + random.nextInt(3) - 1;
      lastVpn = choice == 0 ? lastVpn : choice == 1 && near > 0x7f00_0000L ? near : other();
      lastVpn = Math.min(lastVpn, 0x7f00_0000L + (4 << 18) - 1);
      TlbUse use = TlbUse.values()[random.nextInt(3)];
      int repeats = 1 + random.nextInt(3);
      for (int i = 0; i < repeats; i++) {
        fast.access(lastVpn, use.ordinal(), world.idOf(lastVpn, asid, vmid));
        slow.access(lastVpn, use, world.page(lastVpn, asid, vmid));
      }
      return use + " of " + Long.toHexString(lastVpn);
    }

    private long other() {
      return world.anyVpn(random);
    }

    private TlbInvalidation invalidate(TlbInvalidation invalidation) {
      fast.invalidate(invalidation);
      slow.invalidate(invalidation);
      return invalidation;
    }

    private TlbInvalidation anyInvalidation() {
      long va = world.anyVpn(random) << 12;
      int space = random.nextInt(ASIDS);
      boolean lastLevelOnly = random.nextBoolean();
      return switch (random.nextInt(20)) {
        case 0 -> new TlbInvalidation.All();
        case 1 -> new TlbInvalidation.AllStage1();
        case 2 -> new TlbInvalidation.AllNonGlobal();
        case 3, 4 -> new TlbInvalidation.Asid(space);
        case 5, 6, 7, 8, 9 ->
            new TlbInvalidation.Page(va, space, random.nextBoolean(), lastLevelOnly);
        case 10, 11, 12 -> new TlbInvalidation.PageEveryAsid(va, lastLevelOnly);
        case 13, 14, 15, 16 ->
            new TlbInvalidation.Range(va, 4096L << random.nextInt(12), space - 1, lastLevelOnly);
        default -> {
          long gpa = world.page(va >>> 12, space, vmid).gpa();
          long table = 0x1_0000_0000L + (random.nextLong() & 0xff000);
          yield new TlbInvalidation.GuestPhysical(
              random.nextBoolean() ? gpa : table, 4096L << random.nextInt(10));
        }
      };
    }
  }

  private static Map<String, Map<String, Long>> flat(TlbCounters.Snapshot snapshot) {
    Map<String, Map<String, Long>> flat = new TreeMap<>();
    snapshot.levels().forEach(counts -> put(flat, counts));
    snapshot.structures().forEach(counts -> put(flat, counts));
    WalkCounts walks = snapshot.walks();
    put(flat, "walks", "walks", walks.walks());
    put(flat, "walks", "stage 1", walks.stage1References());
    put(flat, "walks", "stage 2", walks.stage2References());
    put(flat, "walks", "walk-cache hits", walks.walkCacheHits());
    return flat;
  }

  private static void put(Map<String, Map<String, Long>> flat, StructureCounts counts) {
    put(flat, counts.name(), "access", counts.accesses());
    put(flat, counts.name(), "hit", counts.hits());
    put(flat, counts.name(), "miss", counts.misses());
    put(flat, counts.name(), "fill", counts.fills());
    counts
        .fillsByOrder()
        .forEach((order, fills) -> put(flat, counts.name(), "fill of order " + order, fills));
  }

  private static void put(
      Map<String, Map<String, Long>> flat, String structure, String what, long count) {
    if (count != 0) {
      flat.computeIfAbsent(structure, key -> new TreeMap<>()).put(what, count);
    }
  }

  private static void checkIdentities(TlbCounters.Snapshot snapshot) {
    for (StructureCounts counts : snapshot.levels()) {
      check(counts);
    }
    for (StructureCounts counts : snapshot.structures()) {
      check(counts);
    }
  }

  private static void check(StructureCounts counts) {
    assertThat(counts.hits() + counts.misses()).isEqualTo(counts.accesses());
    assertThat(counts.fills()).isLessThanOrEqualTo(counts.misses());
    assertThat(counts.fillsByOrder().values().stream().mapToLong(Long::longValue).sum())
        .isEqualTo(counts.fills());
  }
}
