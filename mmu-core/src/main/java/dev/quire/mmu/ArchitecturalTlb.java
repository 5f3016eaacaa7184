package dev.quire.mmu;

import java.util.Arrays;

/**
 * An unbounded TLB for functional runs: a translation stays until an architectural invalidation
 * removes it. What the guest sees then never depends on when the engine refills its soft TLB, whose
 * content is always a subset of this one. Owned by the vCPU's thread.
 *
 * <p>One open-addressing table (linear probing, backward-shift deletion) of parallel primitive
 * arrays. Sizes are tag bits in the zero bits of the key, and a slot's payload is valid only while
 * its owner is not {@link #EMPTY}:
 *
 * <pre>
 *  key     63            12 11         6 5     0      owner  0 empty, 1 global, 2 + asid
 *         +----------------+------------+-------+
 *         | va, page start | stage1Order| order |     frame  a Translation of the page start
 *         +----------------+------------+-------+
 * </pre>
 *
 * A pair (stage1Order, order) is a class; {@link #find} probes the classes in use only, twice each
 * (the address space's own entries, then global ones), the smallest order first: a large entry that
 * arrives through one page then never hides the smaller entry of another, whose fills still stand.
 * An entry covers its page of {@code order} and stands for its guest page: it falls when any
 * address of the larger of the two is invalidated, as a translation fractured by a smaller second
 * stage must (SDM vol. 3A 4.10.4.1).
 *
 * <p>Slots are valid until the next {@link #insert}, {@link #remove} or {@link #invalidate}.
 */
public final class ArchitecturalTlb {
  /** Default bound on the number of entries: 56 MiB of arrays at worst. */
  public static final int DEFAULT_ENTRY_LIMIT = 1 << 20;

  /** The largest order of an entry; its page is a half of the 64-bit address space. */
  public static final int MAX_ORDER = 51;

  private static final int EMPTY = 0;
  private static final int GLOBAL = 1;
  private static final int FIRST_ASID = 2;

  /** In place of an asid: all of them; none, only global entries. */
  private static final int EVERY_ASID = -1;

  private static final int NO_ASID = -3;
  private static final int MIN_CAPACITY = 256;
  private static final int MAX_CLASSES = Long.SIZE;
  private static final int MAX_OWNERS_LISTED = 16;
  private static final int CLASS_BITS = 12;
  private static final int ORDER_MASK = 0x3f;
  private static final int STAGE1_SHIFT = 6;
  private static final int CLASS_MASK = (1 << CLASS_BITS) - 1;

  private final int entryLimit;
  private int capacity;
  private int hashShift;
  private int size;
  private long[] keys;
  private long[] frames;
  private long[] attributes;
  private int[] owners;

  /** The observer's id of each slot; null while nobody observes. */
  private int[] pages;

  private TranslationObserver observer;
  private int inserted = -1;

  /** Class number to its tag bits, by ascending order. */
  private final int[] classTags = new int[MAX_CLASSES];

  private final int[] classGlobals = new int[MAX_CLASSES];
  private final int[] classLocals = new int[MAX_CLASSES];
  private int classes;
  private long classesInUse;

  /**
   * Owners of non-global entries inserted since everything was last dropped, so that a page can be
   * looked up in every address space; {@code ownerCount} above the length means too many to list.
   */
  private final int[] ownersSeen = new int[MAX_OWNERS_LISTED];

  private int ownerCount;

  public ArchitecturalTlb() {
    this(DEFAULT_ENTRY_LIMIT);
  }

  /**
   * @param entryLimit the number of entries above which an insertion first drops all others
   */
  public ArchitecturalTlb(int entryLimit) {
    if (entryLimit < 1 || entryLimit > 1 << 28) {
      throw new IllegalArgumentException("entry limit " + entryLimit + " is not in 1..2^28");
    }
    this.entryLimit = entryLimit;
    allocate(MIN_CAPACITY);
  }

  /**
   * Names who hears of every entry that leaves, or null. Drops all entries first: the ids of an
   * observer belong to entries inserted under it.
   */
  public void setObserver(TranslationObserver newObserver) {
    clear();
    observer = newObserver;
    pages = newObserver == null ? null : new int[capacity];
  }

  /** The slot of the translation of {@code va} in {@code asid} or a global one, or -1. */
  public int find(long va, int asid) {
    int owner = asid + FIRST_ASID;
    for (long rest = classesInUse; rest != 0; rest &= rest - 1) {
      int index = Long.numberOfTrailingZeros(rest);
      long key = key(va, classTags[index]);
      if (classLocals[index] != 0) {
        int slot = probe(key, owner);
        if (slot >= 0) {
          return slot;
        }
      }
      if (classGlobals[index] != 0) {
        int slot = probe(key, GLOBAL);
        if (slot >= 0) {
          return slot;
        }
      }
    }
    return -1;
  }

  /** The start of the slot's page as a {@link Translation} without rights. */
  public long frame(int slot) {
    return frames[slot];
  }

  /** The pfn of the 4 KiB page at {@code va}, which the slot must cover. */
  public long pfn(int slot, long va) {
    return Translation.pfn(frames[slot])
        + ((va & Order.offsetMask(order(slot))) >>> Order.BASE_PAGE_SHIFT);
  }

  /** The translation of {@code va}, which the slot must cover, granting {@code rights}. */
  public long translation(int slot, long va, int rights) {
    return Translation.of(pfn(slot, va), rights, order(slot), stage1Order(slot));
  }

  /** The effective order: what one entry covers. */
  public int order(int slot) {
    return (int) keys[slot] & ORDER_MASK;
  }

  /** The order of the guest's own leaf: what an invalidation of any address in it removes. */
  public int stage1Order(int slot) {
    return (int) keys[slot] >>> STAGE1_SHIFT & ORDER_MASK;
  }

  public boolean isGlobal(int slot) {
    return owners[slot] == GLOBAL;
  }

  /** The 64 bits the architecture's MMU keeps with an entry; no meaning here. */
  public long attributes(int slot) {
    return attributes[slot];
  }

  /** Replaces the attributes. Taking rights away obliges the caller to flush its fills. */
  public void setAttributes(int slot, long value) {
    attributes[slot] = value;
  }

  /** The observer's id kept with an entry; only while there is an observer. */
  public int page(int slot) {
    return pages[slot];
  }

  /**
   * Keeps the observer's id with an entry, which has none after {@link #insert}. An id that was
   * there is reported as dropped by {@link #releasePage}, not here.
   */
  public void setPage(int slot, int page) {
    pages[slot] = page;
  }

  /** Reports the id of an entry that stays, with another translation, as dropped. */
  public void releasePage(int slot) {
    report(slot);
    pages[slot] = TranslationObserver.NO_PAGE;
  }

  private void report(int slot) {
    int page = pages[slot];
    if (page != TranslationObserver.NO_PAGE) {
      observer.dropped(page);
    }
  }

  /** The slot of the last {@link #insert}. */
  public int insertedSlot() {
    return inserted;
  }

  /** The number of entries. */
  public int size() {
    return size;
  }

  /**
   * Adds the translation of the page of {@code order} that holds {@code va}. Whatever translated
   * {@code va} for this {@code asid} before is replaced.
   *
   * @param stage1Order the order of the guest's own leaf
   * @param order the effective order
   * @param pfn of the start of the page of {@code order}, a multiple of its pages
   * @return whether translations of other pages went with it, so that the caller must flush its
   *     {@link FillCache}: the entry limit was reached and all others were dropped, or an entry
   *     replaced covered more than one 4 KiB page and said something else
   */
  public boolean insert(
      long va, int asid, boolean global, int stage1Order, int order, long pfn, long attributes) {
    checkOrders(stage1Order, order, asid);
    int tag = stage1Order << STAGE1_SHIFT | order;
    long key = key(va, tag);
    int owner = global ? GLOBAL : asid + FIRST_ASID;
    long frame = Translation.of(pfn, 0, order, stage1Order);
    boolean mustFlush = false;
    for (int old = find(va, asid); old >= 0; old = find(va, asid)) {
      boolean same = keys[old] == key && frames[old] == frame && this.attributes[old] == attributes;
      mustFlush |= order(old) > 0 && !same;
      remove(old);
    }
    if (size >= entryLimit || classOf(tag) < 0) {
      clear();
      mustFlush = true;
    }
    if (2 * (size + 1) > capacity) {
      rehash(2 * capacity);
    }
    inserted = place(key, owner, frame, attributes, TranslationObserver.NO_PAGE);
    count(tag, owner, 1);
    noteOwner(owner);
    return mustFlush;
  }

  /** Removes one entry. */
  public void remove(int slot) {
    if (observer != null) {
      report(slot);
    }
    count((int) keys[slot] & CLASS_MASK, owners[slot], -1);
    // Backward shift: later entries of the cluster move into the hole unless that would put them
    // before their home slot.
    int mask = capacity - 1;
    int hole = slot;
    for (int next = hole + 1 & mask; owners[next] != EMPTY; next = next + 1 & mask) {
      int distanceFromHome = next - home(keys[next], owners[next]) & mask;
      if (distanceFromHome >= (next - hole & mask)) {
        keys[hole] = keys[next];
        frames[hole] = frames[next];
        attributes[hole] = attributes[next];
        owners[hole] = owners[next];
        if (pages != null) {
          pages[hole] = pages[next];
        }
        hole = next;
      }
    }
    owners[hole] = EMPTY;
  }

  /**
   * Drops what the invalidation hits. {@link TlbInvalidation.GuestPhysical} drops everything, since
   * an entry does not record the guest physical address it was combined from.
   */
  public void invalidate(TlbInvalidation invalidation) {
    switch (invalidation) {
      case TlbInvalidation.All all -> clear();
      case TlbInvalidation.AllStage1 stage1 -> clear();
      case TlbInvalidation.AllNonGlobal locals -> removeOwners(-1);
      case TlbInvalidation.Asid space -> removeOwners(space.asid() + FIRST_ASID);
      case TlbInvalidation.Page page ->
          removePage(page.va(), page.asid() + FIRST_ASID, page.global());
      case TlbInvalidation.PageEveryAsid page -> removePageEveryAsid(page.va());
      case TlbInvalidation.Range range -> removeRange(range);
      case TlbInvalidation.GuestPhysical physical -> clear();
    }
  }

  /** Calls {@code visitor} for every slot in use, in no particular order; for tests and reports. */
  public void forEach(EntryVisitor visitor) {
    for (int slot = 0; slot < capacity; slot++) {
      if (owners[slot] != EMPTY) {
        visitor.entry(
            keys[slot] & ~(long) CLASS_MASK,
            owners[slot] == GLOBAL ? -1 : owners[slot] - FIRST_ASID,
            frames[slot],
            attributes[slot]);
      }
    }
  }

  /** Receives one entry: its first va, its asid (-1: global), {@link #frame}, attributes. */
  public interface EntryVisitor {
    void entry(long va, int asid, long frame, long attributes);
  }

  private void removeOwners(int owner) {
    shrinkIfSparse();
    for (int slot = 0; slot < capacity; slot++) {
      // A removal moves a later entry into this slot, which is then looked at in turn.
      while (owner < 0 ? owners[slot] > GLOBAL : owners[slot] == owner) {
        remove(slot);
      }
    }
  }

  private void removePageEveryAsid(long va) {
    if (ownerCount > MAX_OWNERS_LISTED) {
      removeRange(va, va, EVERY_ASID, true);
      return;
    }
    removePage(va, GLOBAL, true);
    for (int i = 0; i < ownerCount; i++) {
      removePage(va, ownersSeen[i], false);
    }
  }

  private void removePage(long va, int owner, boolean global) {
    for (long rest = classesInUse; rest != 0; rest &= rest - 1) {
      int index = Long.numberOfTrailingZeros(rest);
      int tag = classTags[index];
      int order = tag & ORDER_MASK;
      int extent = Math.max(order, tag >>> STAGE1_SHIFT);
      long first = va & -Order.bytes(extent);
      if (extent - order >= 31 || 1 << (extent - order) > capacity) {
        removeRange(va, va, owner == GLOBAL ? NO_ASID : owner - FIRST_ASID, global);
        return;
      }
      for (int page = 0; page < 1 << (extent - order); page++) {
        long key = key(first + ((long) page << Order.shift(order)), tag);
        removeIfPresent(key, owner);
        if (global && owner != GLOBAL) {
          removeIfPresent(key, GLOBAL);
        }
      }
    }
  }

  private void removeIfPresent(long key, int owner) {
    int slot = probe(key, owner);
    if (slot >= 0) {
      remove(slot);
    }
  }

  private void removeRange(TlbInvalidation.Range range) {
    if (range.bytes() != 0) {
      long last = range.va() + range.bytes() - 1;
      boolean pastTheTop = Long.compareUnsigned(last, range.va()) < 0;
      removeRange(range.va(), pastTheTop ? -1 : last, range.asid(), true);
    }
  }

  private void removeRange(long firstVa, long lastVa, int asid, boolean global) {
    shrinkIfSparse();
    for (int slot = 0; slot < capacity; slot++) {
      while (owners[slot] != EMPTY
          && (owners[slot] == GLOBAL
              ? global
              : asid == EVERY_ASID || owners[slot] == asid + FIRST_ASID)
          && intersects(keys[slot], firstVa, lastVa)) {
        remove(slot);
      }
    }
  }

  private static boolean intersects(long key, long firstVa, long lastVa) {
    int extent = Math.max((int) key & ORDER_MASK, (int) key >>> STAGE1_SHIFT & ORDER_MASK);
    long pageMask = Order.offsetMask(extent);
    return Long.compareUnsigned(key & ~pageMask, lastVa) <= 0
        && Long.compareUnsigned(key | pageMask, firstVa) >= 0;
  }

  private void clear() {
    for (int slot = 0; observer != null && slot < capacity; slot++) {
      if (owners[slot] != EMPTY) {
        report(slot);
      }
    }
    if (capacity > MIN_CAPACITY && size < capacity / 8) {
      allocate(capacity / 2);
    }
    Arrays.fill(owners, EMPTY);
    Arrays.fill(classGlobals, EMPTY);
    Arrays.fill(classLocals, EMPTY);
    classes = 0;
    classesInUse = 0;
    ownerCount = 0;
    size = 0;
  }

  /** Keeps a scan's cost in proportion to the entries of late, not to a peak long ago. */
  private void shrinkIfSparse() {
    if (capacity > MIN_CAPACITY && size < capacity / 8) {
      rehash(capacity / 2);
    }
  }

  private void rehash(int newCapacity) {
    int oldCapacity = capacity;
    long[] oldKeys = keys;
    long[] oldFrames = frames;
    long[] oldAttributes = attributes;
    int[] oldOwners = owners;
    int[] oldPages = pages;
    allocate(newCapacity);
    for (int slot = 0; slot < oldCapacity; slot++) {
      if (oldOwners[slot] != EMPTY) {
        int page = oldPages == null ? TranslationObserver.NO_PAGE : oldPages[slot];
        place(oldKeys[slot], oldOwners[slot], oldFrames[slot], oldAttributes[slot], page);
      }
    }
  }

  private void allocate(int newCapacity) {
    capacity = newCapacity;
    hashShift = Long.SIZE - Integer.numberOfTrailingZeros(newCapacity);
    keys = new long[newCapacity];
    frames = new long[newCapacity];
    attributes = new long[newCapacity];
    owners = new int[newCapacity];
    pages = observer == null ? null : new int[newCapacity];
  }

  private int place(long key, int owner, long frame, long attribute, int page) {
    int slot = home(key, owner);
    while (owners[slot] != EMPTY) {
      slot = slot + 1 & capacity - 1;
    }
    keys[slot] = key;
    frames[slot] = frame;
    attributes[slot] = attribute;
    owners[slot] = owner;
    if (pages != null) {
      pages[slot] = page;
    }
    return slot;
  }

  private int probe(long key, int owner) {
    int mask = capacity - 1;
    for (int slot = home(key, owner); owners[slot] != EMPTY; slot = slot + 1 & mask) {
      if (keys[slot] == key && owners[slot] == owner) {
        return slot;
      }
    }
    return -1;
  }

  private int home(long key, int owner) {
    long mixed = (key ^ (long) owner << 40) * 0x9E3779B97F4A7C15L;
    return (int) ((mixed ^ mixed << 32) >>> hashShift);
  }

  private static long key(long va, int tag) {
    return va & -Order.bytes(tag & ORDER_MASK) | tag;
  }

  /** The class with this tag, registered if new; -1 if no class number is left. */
  private int classOf(int tag) {
    for (int index = 0; index < classes; index++) {
      if (classTags[index] == tag) {
        return index;
      }
    }
    if (classes == MAX_CLASSES) {
      return -1;
    }
    int index = classes++;
    for (; index > 0 && (classTags[index - 1] & ORDER_MASK) > (tag & ORDER_MASK); index--) {
      classTags[index] = classTags[index - 1];
      classGlobals[index] = classGlobals[index - 1];
      classLocals[index] = classLocals[index - 1];
    }
    classTags[index] = tag;
    classGlobals[index] = 0;
    classLocals[index] = 0;
    long below = (1L << index) - 1;
    classesInUse = classesInUse & below | (classesInUse & ~below) << 1;
    return index;
  }

  private void count(int tag, int owner, int change) {
    int index = classOf(tag);
    int[] counts = owner == GLOBAL ? classGlobals : classLocals;
    counts[index] += change;
    size += change;
    long bit = 1L << index;
    boolean used = classGlobals[index] + classLocals[index] != 0;
    classesInUse = used ? classesInUse | bit : classesInUse & ~bit;
  }

  private void noteOwner(int owner) {
    if (owner == GLOBAL || ownerCount > MAX_OWNERS_LISTED) {
      return;
    }
    for (int i = 0; i < ownerCount; i++) {
      if (ownersSeen[i] == owner) {
        return;
      }
    }
    if (ownerCount < MAX_OWNERS_LISTED) {
      ownersSeen[ownerCount] = owner;
    }
    ownerCount++;
  }

  private static void checkOrders(int stage1Order, int order, int asid) {
    if (order < 0 || order > MAX_ORDER || stage1Order < 0 || stage1Order > MAX_ORDER) {
      throw new IllegalArgumentException(
          "orders " + stage1Order + " and " + order + " are not in 0.." + MAX_ORDER);
    }
    if (asid < 0 || asid > Integer.MAX_VALUE - FIRST_ASID) {
      throw new IllegalArgumentException("asid " + asid + " is out of range");
    }
  }
}
