package dev.quire.lab.bench;

import dev.quire.mmu.tlb.TlbArray;
import dev.quire.mmu.tlb.TlbGeometry;
import dev.quire.mmu.tlb.TlbUse;
import java.util.Arrays;
import java.util.List;

/**
 * What the TLB model is measured against: the data side of a geometry as one would write it down at
 * first, every array of a level searched from its first way to its last for each page size it
 * holds, LRU by time of last use. It knows one address space and 4 KiB pages, no walks, no
 * invalidations.
 */
final class PlainLruTlb {
  private static final long FREE = -1;
  private static final int ORDER_BITS = 6;

  private final Array[] l1;
  private final Array[] l2;
  private long clock;
  private long accesses;
  private long l1Misses;
  private long l2Misses;

  private static final class Array {
    private final long[] tags;
    private final long[] lastUses;
    private final int ways;
    private final int sets;
    private final int[] orders;

    Array(TlbArray array) {
      tags = new long[array.entries()];
      lastUses = new long[array.entries()];
      ways = array.ways();
      sets = array.entries() / array.ways();
      orders = array.orders().stream().mapToInt(order -> order).toArray();
      Arrays.fill(tags, FREE);
    }
  }

  PlainLruTlb(TlbGeometry geometry) {
    l1 = arrays(geometry.l1Data());
    l2 = arrays(geometry.l2());
  }

  private static Array[] arrays(List<TlbArray> level) {
    return level.stream()
        .filter(array -> array.uses().contains(TlbUse.LOAD))
        .map(Array::new)
        .toArray(Array[]::new);
  }

  void access(long vpn) {
    accesses++;
    if (isHit(l1, vpn)) {
      return;
    }
    l1Misses++;
    if (!isHit(l2, vpn)) {
      l2Misses++;
      fill(l2[0], vpn);
    }
    fill(l1[0], vpn);
  }

  long accesses() {
    return accesses;
  }

  long l1Misses() {
    return l1Misses;
  }

  long l2Misses() {
    return l2Misses;
  }

  private boolean isHit(Array[] level, long vpn) {
    for (Array array : level) {
      for (int order : array.orders) {
        long page = vpn >>> order;
        long tag = page << ORDER_BITS | order;
        int first = (int) (page & array.sets - 1) * array.ways;
        for (int slot = first; slot < first + array.ways; slot++) {
          if (array.tags[slot] == tag) {
            array.lastUses[slot] = ++clock;
            return true;
          }
        }
      }
    }
    return false;
  }

  private void fill(Array array, long vpn) {
    int first = (int) (vpn & array.sets - 1) * array.ways;
    int oldest = first;
    for (int slot = first + 1; slot < first + array.ways; slot++) {
      if (array.lastUses[slot] < array.lastUses[oldest]) {
        oldest = slot;
      }
    }
    array.tags[oldest] = vpn << ORDER_BITS;
    array.lastUses[oldest] = ++clock;
  }
}
