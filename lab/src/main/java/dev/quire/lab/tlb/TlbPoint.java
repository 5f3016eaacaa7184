package dev.quire.lab.tlb;

import dev.quire.lab.preset.PageSize;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.SortedMap;

/**
 * One cell seen by one geometry: a row of the table and a {@code point} of the results.
 *
 * @param axes what was varied, by name, in the order of the table; values are texts, numbers or
 *     truth values
 * @param figures what came of it
 * @param hypothetical whether it rests on a what-if that no real system does
 */
public record TlbPoint(Map<String, Object> axes, TlbFigures figures, boolean hypothetical) {
  /** The members of the JSON line. */
  public Map<String, Object> members() {
    Map<String, Object> values = new LinkedHashMap<>();
    long l1 = figures.l1Misses();
    long last = figures.lastMisses();
    values.put("accesses", figures.accesses());
    values.put("instructions", figures.instructions());
    values.put("l1_misses", l1);
    values.put("l2_misses", last);
    values.put("l1_mpki", number(figures.perThousandInstructions(l1)));
    values.put("l2_mpki", number(figures.perThousandInstructions(last)));
    values.put("l1_mpma", number(figures.perMillionAccesses(l1)));
    values.put("l2_mpma", number(figures.perMillionAccesses(last)));
    values.put("walks", figures.walks().walks());
    values.put("refs_per_walk", figures.walks().referencesPerWalk());
    values.put("walk_refs", figures.walks().references());
    values.put("stage1_refs", figures.walks().stage1References());
    values.put("stage2_refs", figures.walks().stage2References());
    values.put("walk_cache_hits", figures.walks().walkCacheHits());
    values.put("nested_hits", figures.walks().nestedHits());
    values.put("walk_cycles", figures.counts().walkCycles());
    values.put("translation_cycles", figures.counts().translationCycles());
    values.put("reach_bytes", figures.reachBytes());
    values.put("by_order", byOrder(figures.byOrder()));
    values.put("l1_by_order", byOrder(figures.l1ByOrder()));
    Map<String, Object> members = new LinkedHashMap<>();
    members.put("axes", axes);
    members.put("figures", values);
    members.put("cost_model", figures.counts().costs().model());
    members.put("hypothetical", hypothetical);
    return members;
  }

  private static Map<String, Object> byOrder(SortedMap<Integer, Long> orders) {
    Map<String, Object> sizes = new LinkedHashMap<>();
    orders.forEach((order, count) -> sizes.put(PageSize.text(order), count));
    return sizes;
  }

  /** JSON has no NaN. */
  private static Double number(double value) {
    return Double.isNaN(value) ? null : value;
  }
}
