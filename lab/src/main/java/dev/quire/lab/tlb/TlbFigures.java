package dev.quire.lab.tlb;

import dev.quire.mmu.tlb.StructureCounts;
import dev.quire.mmu.tlb.TlbCounters;
import dev.quire.mmu.tlb.TlbLevel;
import dev.quire.mmu.tlb.WalkCounts;
import java.util.SortedMap;
import java.util.TreeMap;

/**
 * What one geometry came to in one cell, in the window that was measured.
 *
 * @param counts of the TLB model, over all vCPUs
 * @param instructions retired; 0 if the stream does not tell
 * @param reachBytes what the entries of the last level cover at the end
 */
public record TlbFigures(TlbCounters.Snapshot counts, long instructions, long reachBytes) {

  public long accesses() {
    return counts.accesses();
  }

  public long l1Misses() {
    return counts.l1Misses();
  }

  /** Accesses that no level had: those of L1 if there is no L2. */
  public long lastMisses() {
    return hasL2() ? counts.level(TlbLevel.L2).misses() : l1Misses();
  }

  public WalkCounts walks() {
    return counts.walks();
  }

  /** Of a count, per thousand instructions; NaN without instructions. */
  public double perThousandInstructions(long count) {
    return instructions == 0 ? Double.NaN : count * 1e3 / instructions;
  }

  /** Of a count, per million accesses; NaN without accesses. */
  public double perMillionAccesses(long count) {
    return accesses() == 0 ? Double.NaN : count * 1e6 / accesses();
  }

  private boolean hasL2() {
    return counts.level(TlbLevel.L2).accesses() != 0 || counts.level(TlbLevel.L2).fills() != 0;
  }

  /** Entries filled in the last level, by order. */
  public SortedMap<Integer, Long> byOrder() {
    return hasL2() ? counts.level(TlbLevel.L2).fillsByOrder() : l1ByOrder();
  }

  /** Entries filled in both arrays of L1, by order. */
  public SortedMap<Integer, Long> l1ByOrder() {
    SortedMap<Integer, Long> orders = new TreeMap<>();
    for (TlbLevel level : new TlbLevel[] {TlbLevel.L1I, TlbLevel.L1D}) {
      StructureCounts structure = counts.level(level);
      structure.fillsByOrder().forEach((order, count) -> orders.merge(order, count, Long::sum));
    }
    return orders;
  }
}
