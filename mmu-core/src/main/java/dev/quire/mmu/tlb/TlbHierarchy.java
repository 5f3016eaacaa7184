package dev.quire.mmu.tlb;

import dev.quire.mmu.TlbInvalidation;

/** The caches of translations of one vCPU, for one geometry. */
public final class TlbHierarchy {
  private final TlbGeometry geometry;
  private final WalkedPages pages;
  private final TlbCounters counters;
  private long seed;
  private int asid;
  private int vmid;

  /**
   * @param pages what the ids of accesses stand for; shared with other geometries
   * @param seed of random replacement
   */
  public TlbHierarchy(TlbGeometry geometry, WalkedPages pages, long seed) {
    this.geometry = geometry;
    this.pages = pages;
    this.seed = seed;
    counters = new TlbCounters(geometry);
  }

  /** The accesses that follow are made in this address space of this virtual machine. */
  public void addressSpace(int newAsid, int newVmid) {
    asid = newAsid;
    vmid = newVmid;
  }

  /**
   * One access, in program order.
   *
   * @param vpn {@code va >>> 12} of an untagged address
   * @param type {@link dev.quire.mmu.Access#READ}, WRITE or FETCH
   * @param page the id of the page in {@link WalkedPages}
   */
  public void access(long vpn, int type, int page) {
    counters.counts[TlbCounters.L1_ACCESS + type]++;
  }

  /** The page's translation changed and was walked anew: entries for it go. */
  public void replace(int page) {}

  /** Drops what the invalidation hits, in program order with the accesses. */
  public void invalidate(TlbInvalidation invalidation) {}

  /** Live. */
  public TlbCounters counters() {
    return counters;
  }

  /** Bytes that the entries of L2, or of L1D if there is no L2, cover at this moment. */
  public long reachBytes() {
    return 0;
  }

  public TlbGeometry geometry() {
    return geometry;
  }
}
