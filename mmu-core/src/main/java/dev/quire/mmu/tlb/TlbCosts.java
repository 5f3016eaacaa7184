package dev.quire.mmu.tlb;

/**
 * A linear cost model: what counts are worth in cycles, one access after the other, as if nothing
 * overlapped. Cycles are modelled, never measured.
 *
 * <pre>
 * walk cycles = references * referenceCycles
 *             + walk-cache hits * walkCacheHitCycles + nested-TLB hits * nestedHitCycles
 * translation cycles = accesses * l1HitCycles + L2 accesses * l2ExtraCycles + walk cycles
 * </pre>
 *
 * @param model the name that reports print beside the figures
 * @param l1HitCycles added to every access; 0 if the lookup is in parallel with the data cache's
 * @param l2ExtraCycles of a lookup at L2
 * @param referenceCycles of one table entry read during a walk
 * @param walkCacheHitCycles of a walk that a walk cache shortened
 * @param nestedHitCycles of a second-stage translation found in the nested TLB
 */
public record TlbCosts(
    String model,
    int l1HitCycles,
    int l2ExtraCycles,
    int referenceCycles,
    int walkCacheHitCycles,
    int nestedHitCycles) {
  private static final int MOST = 1_000_000;

  /** Checks every field. */
  public TlbCosts {
    if (model == null || model.isBlank()) {
      throw new IllegalArgumentException("a cost model has no name");
    }
    int[] cycles = {
      l1HitCycles, l2ExtraCycles, referenceCycles, walkCacheHitCycles, nestedHitCycles
    };
    for (int value : cycles) {
      if (value < 0 || value > MOST) {
        throw new IllegalArgumentException(
            "cost model " + model + ": " + value + " cycles are not in 0.." + MOST);
      }
    }
  }
}
