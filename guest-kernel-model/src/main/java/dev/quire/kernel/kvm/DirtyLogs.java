package dev.quire.kernel.kvm;

/**
 * The dirty logs of a VM's slots, and the write protection that feeds them: the first write to a
 * page faults and is noted, and no other does until the log was read or cleared (Linux v6.18
 * virt/kvm/kvm_main.c, kvm_get_dirty_log_protect, kvm_clear_dirty_log_protect;
 * virt/kvm/dirty_ring.c).
 *
 * <p>Used on the machine's executor thread. Pages are the host's base pages, counted from the
 * slot's first.
 */
public final class DirtyLogs {
  private final MemSlots slots;
  private final Stage2Tables tables;
  private final Stage2Removals removals;
  private DirtyPageListener listener;

  DirtyLogs(MemSlots slots, Stage2Tables tables, Stage2Removals removals) {
    this.slots = slots;
    this.tables = tables;
    this.removals = removals;
  }

  /** Who hears of dirty pages before a slot's bitmap does, or null. */
  public void setListener(DirtyPageListener newListener) {
    listener = newListener;
  }

  /** mark_page_dirty_in_slot: a guest may write to the page from now on. */
  void markDirty(MemSlot slot, long gfn) {
    if (listener == null
        || !slot.logsDirtyPages()
        || !listener.dirtied(slot.id(), gfn - slot.baseGfn() >>> slots.baseOrder())) {
      slot.markDirty(gfn);
    }
  }

  /**
   * KVM_GET_DIRTY_LOG: the slot's bitmap since the last call, page n at bit n % 64 of word n / 64.
   * Pages in it are write-protected again.
   *
   * @throws IllegalArgumentException if the slot has no bitmap
   */
  public long[] take(int id) {
    MemSlot slot = slotWithBitmap(id);
    long[] bitmap = slot.takeDirty();
    writeProtect(slot, 0, bitmap);
    return bitmap;
  }

  /**
   * The same of a VM with KVM_CAP_MANUAL_DIRTY_LOG_PROTECT2: the bitmap stays, and pages writable.
   *
   * @throws IllegalArgumentException if the slot has no bitmap
   */
  public long[] read(int id) {
    return slotWithBitmap(id).dirty().clone();
  }

  /**
   * KVM_CLEAR_DIRTY_LOG: pages of these that are dirty are so no longer, and write-protected again.
   *
   * @param firstPage a multiple of 64
   * @param bits page {@code firstPage + n} at bit n % 64 of word n / 64; altered
   * @throws IllegalArgumentException if the slot has no bitmap
   */
  public void clear(int id, long firstPage, long[] bits) {
    MemSlot slot = slotWithBitmap(id);
    long[] dirty = slot.dirty();
    int first = (int) (firstPage >>> 6);
    for (int i = 0; i < bits.length; i++) {
      bits[i] &= dirty[first + i];
      dirty[first + i] &= ~bits[i];
    }
    writeProtect(slot, firstPage, bits);
  }

  /**
   * Has the next write to a page of a slot fault again, as after it left a dirty ring; without
   * effect for what is no page of a slot.
   */
  public void writeProtect(int id, long page) {
    MemSlot slot = slots.byId(id);
    if (slot != null && page >= 0 && page < slot.pages() >>> slots.baseOrder()) {
      tables.writeProtect(slot.baseGfn() + (page << slots.baseOrder()));
      removals.finish();
    }
  }

  private void writeProtect(MemSlot slot, long firstPage, long[] bits) {
    for (int word = 0; word < bits.length; word++) {
      for (long rest = bits[word]; rest != 0; rest &= rest - 1) {
        long page = firstPage + 64L * word + Long.numberOfTrailingZeros(rest);
        tables.writeProtect(slot.baseGfn() + (page << slots.baseOrder()));
      }
    }
    removals.finish();
  }

  private MemSlot slotWithBitmap(int id) {
    MemSlot slot = slots.byId(id);
    if (slot == null || !slot.hasDirtyBitmap()) {
      throw new IllegalArgumentException("slot " + id + " has no bitmap of dirty pages");
    }
    return slot;
  }
}
