package dev.quire.lab.restore;

import dev.quire.emulator.restore.Populator;
import dev.quire.emulator.restore.RestoreLatencies;
import dev.quire.emulator.restore.RestoreLatencies.Time;
import dev.quire.emulator.restore.RestoreResult;
import dev.quire.emulator.restore.RestoreTally;
import dev.quire.emulator.restore.RestoreTally.Item;
import dev.quire.kernel.kvm.Stage2Counters;
import dev.quire.lab.preset.PageSize;
import java.util.LinkedHashMap;
import java.util.Map;

/**
 * One restore: a row of the table and a {@code point} of the results.
 *
 * @param axes what was varied, by name; values are texts, numbers or truth values
 * @param expectedHash of guest memory at the end of the uninterrupted run; null if nobody knows
 * @param isComparable whether the run went as far as that one
 * @param hypothetical whether it rests on a what-if that no real system does
 */
public record RestorePoint(
    Map<String, Object> axes,
    RestoreResult result,
    String expectedHash,
    boolean isComparable,
    boolean hypothetical) {

  /** Whether memory ended as it should have; null if that cannot be told. */
  public Boolean hashMatches() {
    return expectedHash == null || !isComparable ? null : expectedHash.equals(result.memoryHash());
  }

  /** The members of the JSON line. */
  public Map<String, Object> members() {
    Map<String, Object> members = new LinkedHashMap<>();
    members.put("axes", axes);
    members.put("figures", figures());
    members.put("cost_model", result.costModel());
    members.put("hypothetical", hypothetical);
    return members;
  }

  private Map<String, Object> figures() {
    Map<String, Object> figures = new LinkedHashMap<>();
    RestoreTally total = result.total();
    Stage2Counters.Snapshot stage2 = result.run().stage2();
    figures.put("status", result.status().jsonName());
    figures.put("instructions", result.run().instructions());
    figures.put("memory_hash", result.memoryHash());
    figures.put("expected_hash", expectedHash);
    figures.put("hash_matches", hashMatches());
    figures.put("faults", total.of(Item.FAULTS));
    figures.put("restore_faults", result.restored().of(Item.FAULTS));
    figures.put("major_faults", total.of(Item.MAJOR_FAULTS));
    figures.put("fault_entries", total.of(Item.FAULT_ENTRIES));
    figures.put("clears", total.of(Item.CLEARS));
    figures.put("copies", result.copies());
    figures.put("user_copies", total.of(Item.USER_COPIES));
    figures.put("kernel_copies", total.of(Item.KERNEL_COPIES));
    figures.put("user_page_copies", result.userPageCopies());
    figures.put("ptes", total.of(Item.PTES));
    figures.put("huge_ptes", total.of(Item.HUGE_PTES));
    figures.put("cache_inserts", total.of(Item.CACHE_INSERTS));
    figures.put("syscalls", total.of(Item.SYSCALLS));
    figures.put("stage2_faults", stage2Faults());
    figures.put("stage2_waits", stage2.waits());
    figures.put("stage2_pre_faults", stage2.preFaults());
    figures.put("stage2_leaves", leaves(stage2));
    figures.put("messages", result.messages());
    figures.put("uffd_ioctls", result.uffdIoctls());
    figures.put("source_faults", result.source().of(Item.FAULTS));
    figures.put("source_major_faults", result.source().of(Item.MAJOR_FAULTS));
    figures.put("source_ptes", result.source().of(Item.PTES));
    figures.put("populated_by", populatedBy());
    RestoreLatencies latencies = result.latencies();
    put(figures, "restore", latencies.restore());
    put(figures, "fault", latencies.faults());
    put(figures, "handler", latencies.handler());
    put(figures, "population", latencies.population());
    return figures;
  }

  /** Second-stage faults of the guest that memory answered. */
  public long stage2Faults() {
    Stage2Counters.Snapshot stage2 = result.run().stage2();
    return stage2.faults() - stage2.mmioExits() - stage2.readonlyExits();
  }

  private static Map<String, Object> leaves(Stage2Counters.Snapshot stage2) {
    Map<String, Object> leaves = new LinkedHashMap<>();
    for (int order = 0; order < stage2.leavesInstalled().length; order++) {
      if (stage2.leavesInstalled()[order] != 0) {
        leaves.put(PageSize.text(order), stage2.leavesInstalled()[order]);
      }
    }
    return leaves;
  }

  private Map<String, Object> populatedBy() {
    Map<String, Object> pages = new LinkedHashMap<>();
    for (Populator by : Populator.values()) {
      if (result.timeline().populatedBy(by) != 0) {
        pages.put(by.text(), result.timeline().populatedBy(by));
      }
    }
    return pages;
  }

  private static void put(Map<String, Object> figures, String name, Time time) {
    figures.put(name + "_modelled_ns", Math.round(time.modelledNanos()));
    figures.put(name + "_wall_ns", time.wallNanos());
  }
}
