package dev.quire.kernel.mm;

import dev.quire.kernel.stat.KernelCounters;
import dev.quire.kernel.stat.Primitive;
import dev.quire.mmu.KernelPteFormat;

/**
 * Reads and changes the page-table entries of hugetlb pages, at whatever level they stand; where
 * several map one folio they are alike but for the frame and carry the contiguous bit (Linux v6.18
 * mm/hugetlb.c, arch/arm64/mm/hugetlbpage.c: huge_pte_alloc, huge_ptep_get and their siblings). The
 * entry of a group is its first's, young and dirty if any is. Used on the kernel's thread.
 */
final class HugetlbEntries {
  private final KernelPteFormat format;
  private final KernelCounters counters;

  HugetlbEntries(Kernel kernel) {
    this.format = kernel.format();
    this.counters = kernel.counters();
  }

  /** The table with a huge page's entries, or null. */
  PageTable table(PageTables tables, HugetlbSize size, long address) {
    return tables.table(address, size.level());
  }

  /** The same, made if it is not there; null if memory is out. */
  PageTable makeTable(PageTables tables, HugetlbSize size, long address) {
    return tables.makeTable(address, size.level());
  }

  int index(HugetlbSize size, long address) {
    return format.hardware().index(size.alignDown(address), size.level());
  }

  /** The entry of a huge page, or 0 without a table. */
  long get(PageTable table, int index, HugetlbSize size) {
    if (table == null) {
      return 0;
    }
    counters.count(Primitive.PTE_READ, size.entries());
    long entry = table.entries[index];
    if (size.entries() > 1 && format.isMapped(entry)) {
      for (int i = 1; i < size.entries(); i++) {
        long other = table.entries[index + i];
        entry = format.isYoung(other) ? format.young(entry) : entry;
        entry = format.isDirty(other) ? format.dirty(entry) : entry;
      }
      entry = format.single(entry);
    }
    return entry;
  }

  void set(PageTables tables, PageTable table, int index, HugetlbSize size, long entry) {
    if (table.level > 0) {
      tables.forgetLeaf();
      counters.count(Primitive.PMD_SET, size.entries());
    } else {
      counters.count(Primitive.PTE_SET, size.entries());
    }
    write(table, index, size, entry);
  }

  private void write(PageTable table, int index, HugetlbSize size, long entry) {
    if (size.entries() == 1 || !format.isMapped(entry)) {
      for (int i = 0; i < size.entries(); i++) {
        table.entries[index + i] = entry;
      }
      return;
    }
    long first = format.contiguous(entry);
    long step = format.hardware().leafOrder(table.level);
    for (int i = 0; i < size.entries(); i++) {
      table.entries[index + i] = format.advanced(first, table.level, (long) i << step);
    }
  }

  /** Clears the entry and returns what it was (huge_ptep_get_and_clear). */
  long clear(PageTables tables, PageTable table, int index, HugetlbSize size) {
    long entry = get(table, index, size);
    if (table.level > 0) {
      tables.forgetLeaf();
      counters.count(Primitive.PMD_CLEAR, size.entries());
    } else {
      counters.count(Primitive.PTE_CLEAR, size.entries());
    }
    for (int i = 0; i < size.entries(); i++) {
      table.entries[index + i] = 0;
    }
    return entry;
  }

  /** Gives a mapped entry other bits: accessed, dirty, writable or not. */
  void change(PageTable table, int index, HugetlbSize size, long entry) {
    counters.count(Primitive.PTE_PROTECT, size.entries());
    write(table, index, size, entry);
  }
}
