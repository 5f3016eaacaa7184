package dev.quire.kernel.kvm;

import dev.quire.kernel.gmem.GuestMemfd;
import dev.quire.kernel.gmem.GuestMemfdUser;
import dev.quire.kernel.mm.MmuNotifier;
import dev.quire.mmu.Order;

/**
 * Keeps the second stage in step with what backs it: entries go when the host's mappings do, or the
 * pages of a guest_memfd, and a fault that was served meanwhile is told that its answer is stale
 * (Linux v6.18 virt/kvm/kvm_main.c, kvm_mmu_invalidate_begin and mmu_invalidate_retry). Owned by
 * {@link Stage2Mmu}.
 */
final class HostInvalidations implements MmuNotifier, GuestMemfdUser {
  private final MemSlots slots;
  private final Stage2Tables tables;
  private final Stage2Removals removals;

  /** As Linux's mmu_invalidate_seq and mmu_invalidate_in_progress. */
  private long sequence;

  private int inProgress;

  HostInvalidations(MemSlots slots, Stage2Tables tables, Stage2Removals removals) {
    this.slots = slots;
    this.tables = tables;
    this.removals = removals;
  }

  /** To be read before the host is asked for a page. */
  long sequence() {
    return sequence;
  }

  /** Whether what the host answered since {@code before} may be gone already. */
  boolean staleSince(long before) {
    return inProgress != 0 || sequence != before;
  }

  /** Nothing that the host answers may be installed until {@link #end}. */
  void begin() {
    inProgress++;
  }

  void end() {
    sequence++;
    inProgress--;
  }

  @Override
  public void invalidateStart(long hva, long bytes) {
    begin();
    for (int i = 0; i < slots.count(); i++) {
      MemSlot slot = slots.at(i);
      long slotBytes = slot.pages() << Order.BASE_PAGE_SHIFT;
      long first = Math.max(hva, slot.hva());
      long end = Math.min(hva + bytes, slot.hva() + slotBytes);
      if (first < end) {
        long firstGfn = slot.baseGfn() + (first - slot.hva() >>> Order.BASE_PAGE_SHIFT);
        tables.remove(firstGfn, firstGfn + (end - first >>> Order.BASE_PAGE_SHIFT));
      }
    }
    removals.finish();
  }

  @Override
  public void invalidateEnd(long hva, long bytes) {
    end();
  }

  @Override
  public void invalidateStart(GuestMemfd file, long firstPage, long endPage) {
    begin();
    int base = slots.baseOrder();
    for (int i = 0; i < slots.count(); i++) {
      MemSlot slot = slots.at(i);
      if (slot.guestMemfd() == file) {
        long first = Math.max(firstPage - slot.pgoff() << base, 0);
        long end = Math.min(endPage - slot.pgoff() << base, slot.pages());
        if (first < end) {
          tables.remove(slot.baseGfn() + first, slot.baseGfn() + end);
        }
      }
    }
    removals.finish();
  }

  @Override
  public void invalidateEnd(GuestMemfd file, long firstPage, long endPage) {
    end();
  }
}
