package dev.quire.kernel.mm;

import dev.quire.kernel.stat.KernelCounters;
import dev.quire.kernel.stat.MthpStat;
import dev.quire.kernel.stat.VmEvent;

/**
 * Counts what a {@link DemandAddressSpace} does as Linux counts it in /proc/vmstat and in the
 * statistics of folio sizes. Orders are {@link dev.quire.mmu.Order}s; counters have the kernel's.
 */
final class HostEventCounts {
  private final KernelCounters counters;
  private final boolean anonymous;
  private final int baseOrder;
  private final int pmdOrder;

  HostEventCounts(KernelCounters counters, HostPagePolicy policy) {
    this.counters = counters;
    this.anonymous = policy.memory() == HostMemoryKind.ANONYMOUS;
    this.baseOrder = policy.granule().baseOrder();
    this.pmdOrder = policy.granule().pmdOrder();
  }

  private void mthp(int order, MthpStat stat, long times) {
    if (anonymous && order > baseOrder) {
      counters.mthp(order - baseOrder, stat, times);
    }
  }

  private boolean isThp(int order) {
    return anonymous && order == pmdOrder;
  }

  void fault() {
    counters.event(VmEvent.PGFAULT);
  }

  /** A folio that a fault brought in. */
  void faultedIn(int order) {
    allocated(order);
    mthp(order, MthpStat.ANON_FAULT_ALLOC, 1);
    mthp(order, MthpStat.NR_ANON, 1);
    if (isThp(order)) {
      counters.event(VmEvent.THP_FAULT_ALLOC);
    }
  }

  /** A folio size that a fault would have taken was not to be had. */
  void fallback(int order) {
    mthp(order, MthpStat.ANON_FAULT_FALLBACK, 1);
    if (isThp(order)) {
      counters.event(VmEvent.THP_FAULT_FALLBACK);
    }
  }

  void allocated(int order) {
    counters.event(VmEvent.PGALLOC_NORMAL, 1L << order - baseOrder);
  }

  void freed(int order) {
    mthp(order, MthpStat.NR_ANON, -1);
    counters.event(VmEvent.PGFREE, 1L << order - baseOrder);
  }

  void reused() {
    counters.event(VmEvent.PGREUSE);
  }

  void splitMapping() {
    counters.event(VmEvent.THP_SPLIT_PMD);
  }

  void split(int order) {
    mthp(order, MthpStat.SPLIT, 1);
    mthp(order, MthpStat.NR_ANON, -1);
    if (isThp(order)) {
      counters.event(VmEvent.THP_SPLIT_PAGE);
    }
  }

  void migrated(int order) {
    allocated(order);
    counters.event(VmEvent.PGFREE, 1L << order - baseOrder);
    counters.event(VmEvent.PGMIGRATE_SUCCESS, 1L << order - baseOrder);
    if (isThp(order)) {
      counters.event(VmEvent.THP_MIGRATION_SUCCESS);
    }
  }

  void collapse(boolean done) {
    counters.event(done ? VmEvent.THP_COLLAPSE_ALLOC : VmEvent.THP_COLLAPSE_ALLOC_FAILED);
    if (done) {
      allocated(pmdOrder);
      mthp(pmdOrder, MthpStat.NR_ANON, 1);
    }
  }
}
