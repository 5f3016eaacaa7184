package dev.quire.kvm.vm;

import dev.quire.kvm.fd.SharedPages;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.VarHandle;
import java.util.ArrayDeque;

/**
 * A vCPU's ring of dirty pages (KVM_CAP_DIRTY_LOG_RING; Linux v6.18 virt/kvm/dirty_ring.c, struct
 * kvm_dirty_gfn): the service fills entries, the client harvests them, KVM_RESET_DIRTY_RINGS takes
 * them back. The client may scribble over it. On the VM's thread.
 */
final class DirtyRing {
  /** Bytes of the largest ring: KVM_DIRTY_RING_MAX_ENTRIES. */
  static final int MOST_BYTES = 65536 * 16;

  /** KVM_DIRTY_LOG_PAGE_OFFSET. */
  static final int FIRST_PAGE = 64;

  /** KVM_DIRTY_RING_RSVD_ENTRIES. */
  static final int RESERVED = 64;

  static final int ENTRY_BYTES = 16;

  private static final int DIRTY = 1;
  private static final int RESET = 2;
  private static final VarHandle FLAGS = ValueLayout.JAVA_INT.varHandle();

  private final SharedPages pages;
  private final MemorySegment ring;
  private final int entries;

  /** Pages that did not fit: a vCPU's turn dirtied more than the reserve. */
  private final ArrayDeque<Entry> overflow = new ArrayDeque<>();

  private int dirtyIndex;
  private int resetIndex;

  private record Entry(int slot, long page) {}

  /** Who takes pages back into write protection. */
  interface Reset {
    void page(int slot, long page);
  }

  DirtyRing(SharedPages pages, int bytes) {
    this.pages = pages;
    this.ring = pages.segment();
    this.entries = bytes / ENTRY_BYTES;
  }

  SharedPages pages() {
    return pages;
  }

  /** Whether the vCPU must not run before a reset. */
  boolean isFull() {
    return used() >= entries - RESERVED;
  }

  private int used() {
    return dirtyIndex - resetIndex + overflow.size();
  }

  void push(int slot, long page) {
    if (dirtyIndex - resetIndex < entries) {
      put(slot, page);
    } else {
      overflow.add(new Entry(slot, page));
    }
  }

  private void put(int slot, long page) {
    long at = entryAt(dirtyIndex);
    ring.set(ValueLayout.JAVA_INT, at + 4, slot);
    ring.set(ValueLayout.JAVA_LONG, at + 8, page);
    FLAGS.setRelease(ring, at, DIRTY);
    dirtyIndex++;
  }

  private long entryAt(int index) {
    return (long) (index & entries - 1) * ENTRY_BYTES;
  }

  /**
   * Takes back what was harvested, in order.
   *
   * @return how many entries
   */
  int reset(Reset target) {
    int count = 0;
    while (count < entries) {
      long at = entryAt(resetIndex);
      if (((int) FLAGS.getAcquire(ring, at) & RESET) == 0) {
        break;
      }
      int slot = ring.get(ValueLayout.JAVA_INT, at + 4);
      long page = ring.get(ValueLayout.JAVA_LONG, at + 8);
      FLAGS.setRelease(ring, at, 0);
      resetIndex++;
      count++;
      target.page(slot, page);
    }
    while (!overflow.isEmpty() && dirtyIndex - resetIndex < entries) {
      Entry entry = overflow.remove();
      put(entry.slot, entry.page);
    }
    return count;
  }
}
