package dev.quire.kernel.kvm;

import dev.quire.mmu.Order;
import dev.quire.mmu.TlbInvalidation;
import java.util.ArrayList;
import java.util.List;

/**
 * Ends each removal of second-stage entries in the order that keeps guests safe: first every vCPU
 * drops what was removed, then the emptied tables are given back. Owned by {@link Stage2Mmu}.
 */
final class Stage2Removals {
  private final Stage2Tables tables;
  private final Stage2Counters counters;
  private final List<Stage2Listener> listeners = new ArrayList<>();

  Stage2Removals(Stage2Tables tables, Stage2Counters counters) {
    this.tables = tables;
    this.counters = counters;
  }

  void addListener(Stage2Listener listener) {
    listeners.add(listener);
  }

  /** Nobody is told of anything any more. */
  void forgetListeners() {
    listeners.clear();
  }

  /** To be called when whatever belongs together has been removed from the tables. */
  void finish() {
    if (tables.hasRemoved()) {
      long first = tables.removedFirstGfn();
      long pages = tables.removedEndGfn() - first;
      counters.invalidations++;
      TlbInvalidation.GuestPhysical range =
          new TlbInvalidation.GuestPhysical(
              first << Order.BASE_PAGE_SHIFT, pages << Order.BASE_PAGE_SHIFT);
      for (Stage2Listener listener : listeners) {
        listener.invalidated(range);
      }
    }
    tables.freeRemovedTables();
  }
}
