package dev.quire.kernel.mm;

import dev.quire.kernel.page.FrameTable;
import dev.quire.kernel.page.PageFlag;
import dev.quire.kernel.stat.Primitive;
import dev.quire.mmu.KernelPteFormat;
import dev.quire.mmu.PteFormat;

/**
 * The page tables of one process, in the architecture's format; every table takes a base page of
 * the modelled memory. Addresses are bytes, frames base pages.
 *
 * <p>Finds the table of the last address again without a descent; whoever unlinks a table goes
 * through this class. Used on the kernel's thread.
 */
final class PageTables {
  private final Kernel kernel;
  private final PteFormat geometry;
  private final KernelPteFormat format;
  private final int frameShift;
  private final int pageShift;
  private final int pmdShift;
  private final int pteMask;
  private final PageTable root;
  private final int mm;

  /** The PTE table found last and its number: address shifted right by {@link #pmdShift}. */
  private PageTable lastPte;

  private long lastPteNumber = -1;

  private PageTable lastPmd;
  private long lastPmdNumber = -1;
  private int tables;

  private PageTables(Kernel kernel, PageTable root, int mm) {
    this.kernel = kernel;
    this.root = root;
    this.mm = mm;
    this.format = kernel.format();
    this.geometry = format.hardware();
    this.frameShift = geometry.leafOrder(0);
    this.pageShift = kernel.pageShift();
    this.pmdShift = kernel.pmdShift();
    this.pteMask = geometry.entries(0) - 1;
    this.tables = 1;
  }

  /** Tables with nothing in them, or null if there is no memory for the root. */
  static PageTables create(Kernel kernel, int mm) {
    PteFormat geometry = kernel.format().hardware();
    PageTable root = make(kernel, geometry.rootLevel(), mm);
    return root == null ? null : new PageTables(kernel, root, mm);
  }

  private static PageTable make(Kernel kernel, int level, int mm) {
    PteFormat geometry = kernel.format().hardware();
    int order = Math.max(0, geometry.tableOrder(level) - geometry.leafOrder(0));
    long frame = kernel.folios().allocator().allocate(order);
    if (frame == FrameTable.NONE) {
      return null;
    }
    kernel.frames().set(frame, PageFlag.TABLE);
    kernel.counters().count(Primitive.TABLE_ALLOC);
    return new PageTable(level, geometry.entries(level), frame, mm);
  }

  /** An empty table of PTEs that is linked nowhere, or null. */
  PageTable makePte() {
    PageTable table = make(kernel, 0, mm);
    if (table != null) {
      tables++;
    }
    return table;
  }

  /** Frees a table that is linked nowhere and holds nothing. */
  void free(PageTable table) {
    tables--;
    kernel.freeTable(table.frame);
  }

  /** The process is gone: the root too. */
  void freeRoot() {
    free(root);
  }

  /** Tables of all levels, deposited ones and the root included. */
  int tables() {
    return tables;
  }

  /** Index of an address in a table of base pages. */
  int pteIndex(long address) {
    return (int) (address >>> pageShift) & pteMask;
  }

  int pmdIndex(long address) {
    return geometry.index(address, 1);
  }

  /** The level-1 table that covers an address, or null. */
  PageTable pmd(long address) {
    long number = address >>> pmdShift >>> Integer.numberOfTrailingZeros(geometry.entries(1));
    if (number == lastPmdNumber) {
      return lastPmd;
    }
    PageTable table = root;
    for (int level = geometry.rootLevel(); level > 1; level--) {
      table = table.below[geometry.index(address, level)];
      if (table == null) {
        return null;
      }
    }
    lastPmd = table;
    lastPmdNumber = number;
    return table;
  }

  /** {@link #pmd}, made if it is not there; null if memory is out. */
  PageTable makePmd(long address) {
    PageTable found = pmd(address);
    if (found != null) {
      return found;
    }
    PageTable table = root;
    for (int level = geometry.rootLevel(); level > 1; level--) {
      table = makeBelow(table, geometry.index(address, level));
      if (table == null) {
        return null;
      }
    }
    return table;
  }

  /** The table that an entry above level 1 points to, made if it is not there; or null. */
  private PageTable makeBelow(PageTable table, int index) {
    PageTable next = table.below[index];
    if (next == null) {
      next = make(kernel, table.level - 1, mm);
      if (next != null) {
        tables++;
        table.entries[index] = geometry.table(next.frame << frameShift, table.level);
        table.below[index] = next;
      }
    }
    return next;
  }

  /** The table of base pages that covers an address; null if there is none or a PMD leaf. */
  PageTable pte(long address) {
    long number = address >>> pmdShift;
    if (number == lastPteNumber) {
      return lastPte;
    }
    kernel.counters().count(Primitive.TABLE_DESCENT);
    PageTable pmd = pmd(address);
    if (pmd == null) {
      return null;
    }
    int index = pmdIndex(address);
    if (!isTable(pmd, index)) {
      return null;
    }
    lastPte = pmd.below[index];
    lastPteNumber = number;
    return lastPte;
  }

  /**
   * {@link #pte}, made if the PMD is none.
   *
   * @return null if memory is out; the caller has made sure that there is no leaf
   */
  PageTable makePte(long address) {
    PageTable found = pte(address);
    if (found != null) {
      return found;
    }
    PageTable pmd = makePmd(address);
    PageTable table = pmd == null ? null : makePte();
    if (table != null) {
      link(pmd, pmdIndex(address), table, address);
    }
    return table;
  }

  /** The table of a level that covers an address; null if there is none or a leaf above. */
  PageTable table(long address, int level) {
    if (level == 0) {
      return pte(address);
    }
    PageTable table = level == 1 ? pmd(address) : root;
    while (table != null && table.level > level) {
      table = table.below[geometry.index(address, table.level)];
    }
    return table;
  }

  /** {@link #table}, made if it is not there; null if memory is out. */
  PageTable makeTable(long address, int level) {
    if (level == 0) {
      return makePte(address);
    }
    if (level == 1) {
      return makePmd(address);
    }
    PageTable table = root;
    while (table != null && table.level > level) {
      table = makeBelow(table, geometry.index(address, table.level));
    }
    return table;
  }

  /** Whether an entry of level 1 points to a table. */
  boolean isTable(PageTable pmd, int index) {
    long entry = pmd.entries[index];
    return entry != 0 && geometry.isPresent(entry) && !geometry.isLeaf(entry, 1);
  }

  /** Whether an entry of level 1 maps a huge page, with or without rights, or is a note of one. */
  boolean isHuge(PageTable pmd, int index) {
    return pmd.entries[index] != 0 && !isTable(pmd, index);
  }

  /** Makes the entry of level 1 for an address point to a table. */
  void link(PageTable pmd, int index, PageTable table, long address) {
    table.setAddress(address & -1L << pmdShift);
    pmd.entries[index] = geometry.table(table.frame << frameShift, 1);
    pmd.below[index] = table;
  }

  /** Sets a leaf of level 1, with a deposited table or null. */
  void setHuge(PageTable pmd, int index, long entry, PageTable deposit) {
    forget();
    kernel.counters().count(Primitive.PMD_SET);
    pmd.entries[index] = entry;
    pmd.below[index] = deposit;
  }

  /** Clears a leaf of level 1 and hands out its deposited table, or null. */
  PageTable clearHuge(PageTable pmd, int index) {
    forget();
    kernel.counters().count(Primitive.PMD_CLEAR);
    PageTable deposit = pmd.below[index];
    pmd.entries[index] = 0;
    pmd.below[index] = null;
    return deposit;
  }

  /** Unlinks a table of base pages, and hands it out. */
  PageTable unlink(PageTable pmd, int index) {
    forget();
    PageTable table = pmd.below[index];
    pmd.entries[index] = 0;
    pmd.below[index] = null;
    return table;
  }

  /** A table that was unlinked goes to the gather, not to {@link #free}. */
  void forgetTable() {
    tables--;
  }

  /** A leaf above the level of base pages was set or cleared by {@link HugetlbEntries}. */
  void forgetLeaf() {
    forget();
    lastPmdNumber = -1;
  }

  private void forget() {
    lastPteNumber = -1;
    lastPte = null;
  }

  /** Where the next address lies that may have tables, at or after {@code address}, by PMDs. */
  long skipEmpty(long address, long end) {
    long at = address;
    while (at < end && pmd(at) == null) {
      long span = 1L << pmdShift + Integer.numberOfTrailingZeros(geometry.entries(1));
      at = (at & -span) + span;
    }
    return Math.min(at, end);
  }

  /** The frame that a mapped entry of a level holds. */
  long frame(long entry, int level) {
    return format.pfn(entry, level) >>> frameShift;
  }

  /** A young, clean leaf. */
  long leaf(long frame, int level, int protection) {
    return format.leaf(frame << frameShift, level, protection);
  }

  /**
   * Unlinks the tables that lie wholly in a hole of the address space (free_pgtables) and cover
   * some of a range in it that was unmapped just now.
   */
  void freeHole(long floor, long ceiling, long from, long to, TableSink sink) {
    freeHole(root, 0, new long[] {floor, ceiling, from, to}, sink);
  }

  private void freeHole(PageTable table, long base, long[] hole, TableSink sink) {
    int level = table.level;
    long span = 1L << 12 + geometry.leafOrder(level);
    long last = Math.min(table.entries.length - 1, (hole[3] - 1 - base) / span);
    for (int i = (int) Math.max(0, (hole[2] - base) / span); i <= last; i++) {
      PageTable child = table.below[i];
      if (child == null || level == 1 && !isTable(table, i)) {
        continue;
      }
      long start = base + i * span;
      if (level > 1) {
        freeHole(child, start, hole, sink);
      }
      if (start >= hole[0] && start + span <= hole[1]) {
        forget();
        lastPmdNumber = -1;
        table.entries[i] = 0;
        table.below[i] = null;
        tables--;
        sink.unlinked(child, start, span);
      }
    }
  }

  /** Takes tables that were unlinked, to free them when no processor can reach them any more. */
  interface TableSink {
    void unlinked(PageTable table, long address, long bytes);
  }
}
