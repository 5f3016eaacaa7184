package dev.quire.mmu.tlb;

/**
 * What the walks after a miss in every level did. Plain data.
 *
 * @param walks how many
 * @param stage1References stage-1 table entries read
 * @param stage2References second-stage table entries read
 * @param walkCacheHits walks that a walk cache shortened
 * @param nestedHits second-stage translations found in the nested TLB
 */
public record WalkCounts(
    long walks, long stage1References, long stage2References, long walkCacheHits, long nestedHits) {

  /** Table entries of both stages. */
  public long references() {
    return stage1References + stage2References;
  }

  /** The mean; 0 without a walk. */
  public double referencesPerWalk() {
    return walks == 0 ? 0 : (double) references() / walks;
  }

  /** What was counted since {@code earlier}. */
  public WalkCounts minus(WalkCounts earlier) {
    return new WalkCounts(
        walks - earlier.walks,
        stage1References - earlier.stage1References,
        stage2References - earlier.stage2References,
        walkCacheHits - earlier.walkCacheHits,
        nestedHits - earlier.nestedHits);
  }

  /** The sum, for a total over vCPUs. */
  public WalkCounts plus(WalkCounts other) {
    return new WalkCounts(
        walks + other.walks,
        stage1References + other.stage1References,
        stage2References + other.stage2References,
        walkCacheHits + other.walkCacheHits,
        nestedHits + other.nestedHits);
  }
}
