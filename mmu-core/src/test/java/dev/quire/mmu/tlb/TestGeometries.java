package dev.quire.mmu.tlb;

import dev.quire.mmu.Access;
import dev.quire.mmu.TlbInvalidation;
import java.util.EnumSet;
import java.util.List;
import java.util.Set;

/** Geometries that tests share. */
final class TestGeometries {
  static final Set<TlbUse> DATA = EnumSet.of(TlbUse.LOAD, TlbUse.STORE);
  static final Set<TlbUse> ALL = EnumSet.allOf(TlbUse.class);
  static final Set<TlbUse> FETCH = EnumSet.of(TlbUse.FETCH);
  static final TlbCosts COSTS = new TlbCosts("linear", 0, 7, 20, 1, 2);

  private TestGeometries() {}

  static TlbGeometry of(
      TlbIsa isa,
      List<TlbArray> data,
      List<TlbArray> l2,
      List<WalkCache> walkCaches,
      NestedTlb nested,
      CoalescingPolicy coalescing) {
    return new TlbGeometry(
        "test",
        isa,
        List.of(TlbArray.of("instruction", 8, 8, List.of(0, 2, 4, 9, 18), FETCH)),
        data,
        l2,
        false,
        walkCaches,
        true,
        nested,
        1,
        COSTS,
        coalescing);
  }

  static TlbGeometry of(List<TlbArray> data, List<TlbArray> l2, CoalescingPolicy coalescing) {
    return of(TlbIsa.ARM64, data, l2, List.of(), NestedTlb.NONE, coalescing);
  }

  /** 64 entries for 4K, 32 for 2M; 1536 for both. */
  static TlbGeometry skylake(TlbIsa isa) {
    return of(
        isa,
        List.of(
            TlbArray.of("4k", 64, 4, List.of(0), DATA), TlbArray.of("2m", 32, 4, List.of(9), DATA)),
        List.of(TlbArray.of("stlb", 1536, 12, List.of(0, 9), ALL)),
        List.of(WalkCache.of("pde", List.of(1), 32, 4), WalkCache.of("pdpte", List.of(2), 4, 4)),
        NestedTlb.of(32, 4),
        CoalescingPolicy.NONE);
  }

  /** 48 entries of 4K, 16K, 64K, 2M and 512M; 1280 of any size. */
  static TlbGeometry cortexA76(CoalescingPolicy coalescing) {
    return of(
        List.of(TlbArray.of("l1d", 48, 48, List.of(0, 2, 4, 9, 17), DATA)),
        List.of(TlbArray.of("l2", 1280, 5, List.of(0, 2, 4, 9, 13, 17, 18), ALL)),
        coalescing);
  }

  static TlbGeometry withoutWalkCaches() {
    return of(
        List.of(TlbArray.of("4k", 64, 4, List.of(0), DATA)), List.of(), CoalescingPolicy.NONE);
  }

  /** A hierarchy with pages of its own to access. */
  static final class Machine {
    final WalkedPages pages = new WalkedPages();
    final TlbHierarchy tlb;
    private int asid;
    private int vmid;

    Machine(TlbGeometry geometry) {
      tlb = new TlbHierarchy(geometry, pages, 1);
    }

    Machine in(int newAsid, int newVmid) {
      asid = newAsid;
      vmid = newVmid;
      tlb.addressSpace(asid, vmid);
      return this;
    }

    /** Loads from the page's address; returns whether the access walked. */
    boolean walks(ReferencePage page) {
      return walks(page, page.vpn());
    }

    boolean walks(ReferencePage page, long vpn) {
      return walks(page, vpn, Access.READ);
    }

    boolean walks(ReferencePage page, long vpn, int type) {
      long before = tlb.counters().snapshot().walks().walks();
      tlb.access(vpn, type, page.addTo(pages, asid));
      return tlb.counters().snapshot().walks().walks() != before;
    }

    WalkCounts walk(ReferencePage page) {
      WalkCounts before = tlb.counters().snapshot().walks();
      tlb.access(page.vpn(), Access.READ, page.addTo(pages, asid));
      return tlb.counters().snapshot().walks().minus(before);
    }

    Machine invalidate(TlbInvalidation invalidation) {
      tlb.invalidate(invalidation);
      return this;
    }

    long misses(TlbLevel level) {
      return tlb.counters().snapshot().level(level).misses();
    }
  }
}
