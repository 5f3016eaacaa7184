package dev.quire.kernel.kvm;

import dev.quire.kernel.gmem.GuestMemfd;
import dev.quire.kernel.gmem.GuestMemfdUser;
import dev.quire.mmu.Order;
import java.util.Arrays;

/**
 * The memory regions of a machine with the rules of KVM_SET_USER_MEMORY_REGION (Linux v6.18
 * virt/kvm/kvm_main.c, kvm_set_memory_region). Used on the machine's executor thread.
 */
public final class MemSlots {
  public static final int LOG_DIRTY_PAGES = 1;
  public static final int READONLY = 2;

  /** KVM_MEM_GUEST_MEMFD: the slot is bound to a part of a guest_memfd. */
  public static final int GUEST_MEMFD = 4;

  /** KVM_MEM_MAX_NR_PAGES. */
  private static final long MAX_SLOT_PAGES = (1L << 31) - 1;

  /** What a call did, or why it was refused; the errno is the wire's business. */
  public enum Outcome {
    CREATED,
    DELETED,
    MOVED,
    FLAGS_CHANGED,
    UNCHANGED,
    /** EINVAL: misaligned, out of range, an unknown flag, or a change that is not allowed. */
    INVALID,
    /** EINVAL or, on arm64, EFAULT: beyond what guest physical addresses reach. */
    OUT_OF_RANGE,
    /** EEXIST: the guest physical range overlaps another slot. */
    OVERLAP,
    /** EBADF or EINVAL: nothing else is wrong, but there is no guest_memfd to bind it to. */
    NO_FILE;

    public boolean refused() {
      return this == INVALID || this == OUT_OF_RANGE || this == OVERLAP || this == NO_FILE;
    }
  }

  private final int slotLimit;
  private final long gfnLimit;
  private final int baseOrder;
  private boolean dirtyBitmaps = true;
  private boolean initiallyDirty;
  private MemSlot[] slots = {};
  private MemSlot recent;

  /** Of a host with base pages of 4 KiB. */
  public MemSlots(int slotLimit, int physicalBits) {
    this(slotLimit, physicalBits, 0);
  }

  /**
   * @param slotLimit slot ids are below it (x86: 32764)
   * @param physicalBits width of a guest physical address
   * @param baseOrder {@link Order} of the host's base page, of which slots are multiples
   */
  public MemSlots(int slotLimit, int physicalBits, int baseOrder) {
    this.slotLimit = slotLimit;
    this.gfnLimit = 1L << physicalBits - Order.BASE_PAGE_SHIFT;
    this.baseOrder = baseOrder;
  }

  /**
   * How slots that come to log dirty pages do so.
   *
   * @param bitmaps whether in bitmaps: not with a dirty ring alone
   * @param allSet whether all their pages are dirty at first (KVM_DIRTY_LOG_INITIALLY_SET)
   */
  public void setDirtyLogging(boolean bitmaps, boolean allSet) {
    dirtyBitmaps = bitmaps;
    initiallyDirty = allSet;
  }

  /** As kvm_prepare_memory_region: a slot that logs already keeps its bitmap. */
  private long[] dirtyBitmap(MemSlot old, int flags, long pages) {
    if ((flags & LOG_DIRTY_PAGES) == 0) {
      return null;
    }
    if (old != null && old.hasDirtyBitmap()) {
      return old.dirty();
    }
    if (!dirtyBitmaps) {
      return null;
    }
    int bits = (int) (pages >>> baseOrder);
    long[] bitmap = new long[bits + Long.SIZE - 1 >>> 6];
    if (initiallyDirty) {
      Arrays.fill(bitmap, -1);
      bitmap[bitmap.length - 1] >>>= -bits;
    }
    return bitmap;
  }

  /**
   * Creates, changes or (with {@code bytes} 0) deletes a slot.
   *
   * @param gpa first guest physical address
   * @param hva first host address
   */
  public Outcome set(int id, int flags, long gpa, long bytes, long hva) {
    return set(id, flags, gpa, bytes, hva, null, 0, null);
  }

  /**
   * The same, of KVM_SET_USER_MEMORY_REGION2: a slot can be bound to a guest_memfd. It is neither
   * read-only nor logs dirty pages, and can only be deleted.
   *
   * @param file counts with {@link #GUEST_MEMFD} only; null for none, or a file of another kind
   * @param offset in the file, in bytes
   * @param vm whose slots these are
   */
  public Outcome set(
      int id,
      int flags,
      long gpa,
      long bytes,
      long hva,
      GuestMemfd file,
      long offset,
      GuestMemfdUser vm) {
    boolean bound = (flags & GUEST_MEMFD) != 0;
    if (!isLegal(id, flags, gpa, bytes, hva) || bound && !isPart(offset, bytes)) {
      return Outcome.INVALID;
    }
    MemSlot old = byId(id);
    if (bytes == 0) {
      return delete(old);
    }
    long baseGfn = gpa >>> Order.BASE_PAGE_SHIFT;
    long pages = bytes >>> Order.BASE_PAGE_SHIFT;
    if (old != null) {
      int fixed = READONLY | GUEST_MEMFD;
      if (bound
          || hva != old.hva()
          || pages != old.pages()
          || ((flags ^ old.flags()) & fixed) != 0) {
        return Outcome.INVALID;
      }
      if (baseGfn == old.baseGfn() && flags == old.flags()) {
        return Outcome.UNCHANGED;
      }
    }
    if (overlaps(baseGfn, pages, old)) {
      return Outcome.OVERLAP;
    }
    if (bound && file == null) {
      return Outcome.NO_FILE;
    }
    if (baseGfn > gfnLimit - pages) {
      return Outcome.OUT_OF_RANGE;
    }
    if (bound && file.bind(vm, offset, bytes) != 0) {
      return Outcome.INVALID;
    }
    long pgoff = bound ? offset >>> Order.shift(baseOrder) : 0;
    GuestMemfd boundTo = bound ? file : null;
    long[] dirty = dirtyBitmap(old, flags, pages);
    replace(old, new MemSlot(id, baseGfn, pages, hva, flags, baseOrder, boundTo, pgoff, dirty));
    if (old == null) {
      return Outcome.CREATED;
    }
    return baseGfn != old.baseGfn() ? Outcome.MOVED : Outcome.FLAGS_CHANGED;
  }

  /** The checks that look at nothing but the arguments. */
  private boolean isLegal(int id, int flags, long gpa, long bytes, long hva) {
    int known = (flags & GUEST_MEMFD) != 0 ? GUEST_MEMFD : LOG_DIRTY_PAGES | READONLY;
    return (flags & ~known) == 0
        && ((gpa | bytes | hva) & Order.offsetMask(baseOrder)) == 0
        && id >= 0
        && id < slotLimit
        && Long.compareUnsigned(gpa + bytes, gpa) >= 0
        && Long.compareUnsigned(bytes >>> Order.shift(baseOrder), MAX_SLOT_PAGES) <= 0;
  }

  private boolean isPart(long offset, long bytes) {
    return (offset & Order.offsetMask(baseOrder)) == 0
        && Long.compareUnsigned(offset + bytes, offset) >= 0;
  }

  private Outcome delete(MemSlot old) {
    if (old == null) {
      return Outcome.INVALID;
    }
    if (old.guestMemfd() != null) {
      old.guestMemfd().unbind(old.pgoff());
    }
    replace(old, null);
    return Outcome.DELETED;
  }

  /** The slot that holds {@code gfn}, or null. Allocation-free. */
  public MemSlot find(long gfn) {
    MemSlot last = recent;
    if (last != null && last.contains(gfn)) {
      return last;
    }
    int low = 0;
    int high = slots.length - 1;
    while (low <= high) {
      int middle = low + high >>> 1;
      MemSlot slot = slots[middle];
      if (slot.contains(gfn)) {
        recent = slot;
        return slot;
      }
      if (gfn < slot.baseGfn()) {
        high = middle - 1;
      } else {
        low = middle + 1;
      }
    }
    return null;
  }

  /** The slot with this id, or null. */
  public MemSlot byId(int id) {
    for (MemSlot slot : slots) {
      if (slot.id() == id) {
        return slot;
      }
    }
    return null;
  }

  /** {@link Order} of the host's base page. */
  int baseOrder() {
    return baseOrder;
  }

  /** The first gfn that no guest physical address reaches. */
  public long gfnLimit() {
    return gfnLimit;
  }

  public int count() {
    return slots.length;
  }

  /** The slots by rising gfn; index below {@link #count}. */
  public MemSlot at(int index) {
    return slots[index];
  }

  private boolean overlaps(long baseGfn, long pages, MemSlot except) {
    for (MemSlot slot : slots) {
      if (slot != except
          && baseGfn < slot.baseGfn() + slot.pages()
          && slot.baseGfn() < baseGfn + pages) {
        return true;
      }
    }
    return false;
  }

  private void replace(MemSlot old, MemSlot fresh) {
    MemSlot[] changed = new MemSlot[slots.length + 1];
    int length = 0;
    for (MemSlot slot : slots) {
      if (slot != old) {
        changed[length++] = slot;
      }
    }
    if (fresh != null) {
      changed[length++] = fresh;
    }
    MemSlot[] sorted = Arrays.copyOf(changed, length);
    Arrays.sort(sorted, (a, b) -> Long.compare(a.baseGfn(), b.baseGfn()));
    slots = sorted;
    recent = null;
  }
}
