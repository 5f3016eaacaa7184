package dev.quire.kernel.mm;

import dev.quire.kernel.stat.Primitive;

/**
 * Moves entries of hugetlb pages within a process (Linux v6.18 mm/hugetlb.c,
 * move_hugetlb_page_tables). Used on the kernel's thread.
 */
final class HugetlbMove extends HugetlbPart {

  HugetlbMove(Kernel kernel, Hugetlb hugetlb) {
    super(kernel, hugetlb);
  }

  /**
   * Moves whole huge pages.
   *
   * @return how many bytes: fewer than asked for if memory for tables ran out
   */
  long move(Vma from, long oldStart, long newStart, long bytes) {
    MmStruct mm = from.mm();
    PageTables tables = mm.tables();
    HugetlbSize size = from.hugetlb().size();
    mm.invalidateStart(oldStart, bytes);
    long done = 0;
    boolean unprotect = MoveTables.losesUffd(from);
    boolean flush = false;
    while (done < bytes) {
      PageTable source = entries.table(tables, size, oldStart + done);
      int index = entries.index(size, oldStart + done);
      if (entries.get(source, index, size) != 0) {
        PageTable target = entries.makeTable(tables, size, newStart + done);
        if (target == null) {
          break;
        }
        counters.count(Primitive.TABLE_LOCK, 2);
        long entry = entries.clear(tables, source, index, size);
        boolean drop = unprotect && PteNote.isUffdMarker(format, entry);
        if (!drop) {
          entry = unprotect ? format.uffdWritable(entry) : entry;
          entries.set(tables, target, entries.index(size, newStart + done), size, entry);
        }
        flush = true;
      }
      done += size.bytes();
    }
    if (flush) {
      kernel.flushRange(mm, oldStart, oldStart + bytes);
    }
    mm.invalidateEnd(oldStart, bytes);
    return done;
  }
}
