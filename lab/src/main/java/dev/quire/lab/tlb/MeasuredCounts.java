package dev.quire.lab.tlb;

import dev.quire.lab.preset.PageSize;
import dev.quire.mmu.tlb.StructureCounts;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * What one geometry counted for one vCPU of a measured run, or for all of them: a {@code counters}
 * line.
 *
 * @param vcpu its number, or {@link #TOTAL}
 * @param marked whether the guest marked the region counted; else it is the whole run
 * @param hypothetical whether it rests on a what-if that no real system does
 * @param guestFaults in the region
 * @param stage2Faults in the region
 * @param aliases times that a page came to be reached by another virtual address
 */
public record MeasuredCounts(
    int vcpu,
    boolean marked,
    boolean hypothetical,
    long guestFaults,
    long stage2Faults,
    long aliases,
    TlbFigures figures) {
  /** In place of a vCPU's number. */
  public static final int TOTAL = -1;

  /** The sum over vCPUs, of one geometry. */
  public static MeasuredCounts total(List<MeasuredCounts> vcpus) {
    MeasuredCounts sum = null;
    for (MeasuredCounts one : vcpus) {
      sum = sum == null ? one : sum.plus(one);
    }
    if (sum == null) {
      throw new IllegalArgumentException("a total of no vCPUs");
    }
    return new MeasuredCounts(
        TOTAL,
        sum.marked,
        sum.hypothetical,
        sum.guestFaults,
        sum.stage2Faults,
        sum.aliases,
        sum.figures);
  }

  private MeasuredCounts plus(MeasuredCounts other) {
    return new MeasuredCounts(
        TOTAL,
        marked,
        hypothetical,
        guestFaults + other.guestFaults,
        stage2Faults + other.stage2Faults,
        aliases + other.aliases,
        new TlbFigures(
            figures.counts().plus(other.figures.counts()),
            figures.instructions() + other.figures.instructions(),
            figures.reachBytes() + other.figures.reachBytes()));
  }

  /** The name of the geometry. */
  public String geometry() {
    return figures.counts().geometry();
  }

  /** The members of the JSON line. */
  public Map<String, Object> members() {
    Map<String, Object> members = new LinkedHashMap<>();
    members.put("vcpu", vcpu == TOTAL ? (Object) "total" : (Object) vcpu);
    members.put("geometry", geometry());
    members.put("mode", "measured");
    members.put("region", marked ? "roi" : "whole");
    members.put("hypothetical", hypothetical);
    members.put("instructions", figures.instructions());
    members.put("guest_faults", guestFaults);
    members.put("stage2_faults", stage2Faults);
    members.put("aliases", aliases);
    members.put("walks", figures.walks().walks());
    members.put("walk_refs", figures.walks().references());
    members.put("stage1_refs", figures.walks().stage1References());
    members.put("stage2_refs", figures.walks().stage2References());
    members.put("walk_cache_hits", figures.walks().walkCacheHits());
    members.put("nested_hits", figures.walks().nestedHits());
    members.put("walk_cycles", figures.counts().walkCycles());
    members.put("translation_cycles", figures.counts().translationCycles());
    members.put("cost_model", figures.counts().costs().model());
    members.put("reach_bytes", figures.reachBytes());
    members.put("tlb", named(figures.counts().levels()));
    members.put("structures", named(figures.counts().structures()));
    return members;
  }

  private static Map<String, Object> named(List<StructureCounts> structures) {
    Map<String, Object> members = new LinkedHashMap<>();
    for (StructureCounts structure : structures) {
      Map<String, Object> counts = new LinkedHashMap<>();
      counts.put("access", structure.accesses());
      counts.put("hit", structure.hits());
      counts.put("miss", structure.misses());
      counts.put("fill", structure.fills());
      Map<String, Object> orders = new LinkedHashMap<>();
      structure.fillsByOrder().forEach((order, count) -> orders.put(PageSize.text(order), count));
      counts.put("by_order", orders);
      members.put(structure.name(), counts);
    }
    return members;
  }
}
