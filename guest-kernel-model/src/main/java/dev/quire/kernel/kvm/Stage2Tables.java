package dev.quire.kernel.kvm;

import dev.quire.kernel.mm.FrameAllocator;
import dev.quire.kernel.mm.HostMemory;
import dev.quire.mmu.Order;
import dev.quire.mmu.Protection;
import dev.quire.mmu.PteFormat;
import java.util.Arrays;

/**
 * Second-stage tables in frames of host memory, written through a {@link PteFormat}. Knows entries,
 * not slots or faults. Owned by {@link Stage2Mmu}.
 *
 * <p>Removing entries leaves work to be finished: the range to invalidate, and emptied tables,
 * which {@link #freeRemovedTables} gives back once every vCPU has dropped it.
 */
final class Stage2Tables {
  /** {@link #install}: the entry was there already and allows as much. */
  static final int SPURIOUS = 0;

  static final int INSTALLED = 1;
  static final int OUT_OF_MEMORY = 2;

  private static final int ENTRY_SHIFT = 3;

  private final HostMemory memory;
  private final FrameAllocator frames;
  private final PteFormat format;
  private final Stage2Counters counters;
  private final int removalOrder;
  private final long root;

  private long[] removedTables = new long[16];
  private int removedTableCount;

  /** Bounds of the gfns whose entries went, end exclusive; empty if first is not below end. */
  private long removedFirstGfn = Long.MAX_VALUE;

  private long removedEndGfn;

  /**
   * @param removalOrder leaves are removed in aligned ranges of this order at least: that of a
   *     contiguous group, whose members must come and go together
   */
  Stage2Tables(
      HostMemory memory,
      FrameAllocator frames,
      PteFormat format,
      Stage2Counters counters,
      int removalOrder) {
    this.removalOrder = removalOrder;
    this.memory = memory;
    this.frames = frames;
    this.format = format;
    this.counters = counters;
    this.root = newTable(format.rootLevel());
    if (root == FrameAllocator.NONE) {
      throw new IllegalArgumentException("host memory has no room for a second-stage root table");
    }
  }

  /** The pfn of the root table. */
  long root() {
    return root;
  }

  /** The number of gfns that the root table covers. */
  long gfnSpan() {
    int level = format.rootLevel();
    return (long) format.entries(level) << format.leafOrder(level);
  }

  /** Maps the page of {@code level} that holds {@code gfn} to the one that holds {@code pfn}. */
  int install(long gfn, long pfn, int level, int rights) {
    return install(gfn, pfn, level, format.leaf(alignedPfn(pfn, level), level, rights));
  }

  /** Maps the contiguous group around {@code gfn} to that around {@code pfn}, by base leaves. */
  int installGroup(long gfn, long pfn, int rights) {
    long mask = (1L << format.contiguousOrder(0)) - 1;
    int outcome = SPURIOUS;
    for (long page = 0; page <= mask; page += pages(0)) {
      long pagePfn = (pfn & ~mask) + page;
      int one =
          install((gfn & ~mask) + page, pagePfn, 0, format.contiguousLeaf(pagePfn, 0, rights));
      if (one == OUT_OF_MEMORY) {
        return OUT_OF_MEMORY;
      }
      outcome = Math.max(outcome, one);
    }
    return outcome;
  }

  private int install(long gfn, long pfn, int level, long leaf) {
    int rights = format.protection(leaf, level);
    long table = root;
    for (int at = format.rootLevel(); at > level; at--) {
      long pa = entryPa(table, gfn, at);
      long entry = memory.readLong(pa);
      if (format.isPresent(entry) && format.isLeaf(entry, at)) {
        if (covers(entry, at, gfn, pfn, rights)) {
          return SPURIOUS;
        }
        removeLeaf(pa, gfn, at);
        entry = 0;
      }
      if (!format.isPresent(entry)) {
        long child = newTable(at - 1);
        if (child == FrameAllocator.NONE) {
          return OUT_OF_MEMORY;
        }
        entry = format.table(child, at);
        memory.writeLong(pa, entry);
      }
      table = format.pfn(entry, at);
    }
    return installAt(entryPa(table, gfn, level), gfn, level, leaf);
  }

  private int installAt(long pa, long gfn, int level, long leaf) {
    long old = memory.readLong(pa);
    boolean replaces = format.isPresent(old) && format.isLeaf(old, level);
    if (replaces) {
      if (format.pfn(old, level) != format.pfn(leaf, level)) {
        removeLeaf(pa, gfn, level);
        replaces = false;
      } else if (allows(format.protection(old, level), format.protection(leaf, level))) {
        return SPURIOUS;
      }
    } else if (format.isPresent(old)) {
      // A large leaf replaces the table of small ones that it covers.
      long first = firstGfn(gfn, level);
      removeInTable(format.pfn(old, level), level - 1, first, first, first + pages(level));
      queueTable(format.pfn(old, level), level - 1, first);
    }
    memory.writeLong(pa, leaf);
    counters.leavesInstalled[format.leafOrder(level)]++;
    counters.leaves[format.leafOrder(level)] += replaces ? 0 : 1;
    return INSTALLED;
  }

  /** Takes the right to write from the leaf of {@code gfn}, if there is one. */
  void writeProtect(long gfn) {
    long table = root;
    for (int level = format.rootLevel(); ; level--) {
      long pa = entryPa(table, gfn, level);
      long entry = memory.readLong(pa);
      if (!format.isPresent(entry)) {
        return;
      }
      if (format.isLeaf(entry, level)) {
        int rights = format.protection(entry, level) & ~Protection.WRITE;
        memory.writeLong(pa, format.leaf(format.pfn(entry, level), level, rights));
        noteRemoved(firstGfn(gfn, level), pages(level));
        return;
      }
      table = format.pfn(entry, level);
    }
  }

  /** Removes every leaf that maps a gfn from {@code first} to below {@code end}. */
  void remove(long first, long end) {
    long mask = (1L << removalOrder) - 1;
    removeInTable(root, format.rootLevel(), 0, first & ~mask, end + mask & ~mask);
  }

  boolean hasRemoved() {
    return removedFirstGfn < removedEndGfn;
  }

  long removedFirstGfn() {
    return removedFirstGfn;
  }

  long removedEndGfn() {
    return removedEndGfn;
  }

  /** To be called when every vCPU has dropped the removed range. */
  void freeRemovedTables() {
    for (int i = 0; i < removedTableCount; i += 2) {
      int level = (int) removedTables[i + 1];
      frames.free(removedTables[i], format.tableOrder(level));
      counters.tablePages -= 1L << format.tableOrder(level);
    }
    removedTableCount = 0;
    removedFirstGfn = Long.MAX_VALUE;
    removedEndGfn = 0;
  }

  /** Gives all tables back; nothing may be called afterwards. */
  void free() {
    remove(0, gfnSpan());
    freeRemovedTables();
    int level = format.rootLevel();
    frames.free(root, format.tableOrder(level));
    counters.tablePages -= 1L << format.tableOrder(level);
  }

  private void removeInTable(long table, int level, long tableGfn, long first, long end) {
    long pages = pages(level);
    int from = (int) (Math.max(0, first - tableGfn) / pages);
    int to = (int) Math.min(format.entries(level) - 1, (end - 1 - tableGfn) / pages);
    for (int index = from; index <= to; index++) {
      long gfn = tableGfn + index * pages;
      long pa = (table << Order.BASE_PAGE_SHIFT) + ((long) index << ENTRY_SHIFT);
      long entry = memory.readLong(pa);
      if (!format.isPresent(entry)) {
        continue;
      }
      if (format.isLeaf(entry, level)) {
        removeLeaf(pa, gfn, level);
      } else {
        long child = format.pfn(entry, level);
        removeInTable(child, level - 1, gfn, first, end);
        if (first <= gfn && gfn + pages <= end) {
          memory.writeLong(pa, 0);
          queueTable(child, level - 1, gfn);
        }
      }
    }
  }

  private void removeLeaf(long pa, long gfn, int level) {
    memory.writeLong(pa, 0);
    counters.leavesRemoved++;
    counters.leaves[format.leafOrder(level)]--;
    noteRemoved(firstGfn(gfn, level), pages(level));
  }

  /** A walk cache may point to a table that goes, even if no leaf is left in it. */
  private void queueTable(long table, int level, long firstGfn) {
    if (removedTableCount + 2 > removedTables.length) {
      removedTables = Arrays.copyOf(removedTables, 2 * removedTables.length);
    }
    removedTables[removedTableCount++] = table;
    removedTables[removedTableCount++] = level;
    noteRemoved(firstGfn, pages(level + 1));
  }

  private void noteRemoved(long firstGfn, long pages) {
    removedFirstGfn = Math.min(removedFirstGfn, firstGfn);
    removedEndGfn = Math.max(removedEndGfn, firstGfn + pages);
  }

  private boolean covers(long entry, int level, long gfn, long pfn, int rights) {
    long page = format.pfn(entry, level) + (gfn & pages(level) - 1);
    return page == pfn && allows(format.protection(entry, level), rights);
  }

  private static boolean allows(int granted, int wanted) {
    return (wanted & ~granted) == 0;
  }

  private long newTable(int level) {
    long pfn = frames.allocate(format.tableOrder(level));
    if (pfn != FrameAllocator.NONE) {
      memory.zero(pfn, format.tableOrder(level));
      counters.tablePages += 1L << format.tableOrder(level);
    }
    return pfn;
  }

  private long entryPa(long table, long gfn, int level) {
    int index = format.index(gfn << Order.BASE_PAGE_SHIFT, level);
    return (table << Order.BASE_PAGE_SHIFT) + ((long) index << ENTRY_SHIFT);
  }

  private long pages(int level) {
    return 1L << format.leafOrder(level);
  }

  private long firstGfn(long gfn, int level) {
    return gfn & -pages(level);
  }

  private long alignedPfn(long pfn, int level) {
    return pfn & -pages(level);
  }
}
