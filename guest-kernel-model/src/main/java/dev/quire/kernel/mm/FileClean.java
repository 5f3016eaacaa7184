package dev.quire.kernel.mm;

import dev.quire.kernel.stat.Primitive;

/**
 * Takes dirty and the right to write from the entries that map a file's pages, before these are
 * written back (Linux v6.18 mm/rmap.c, page_vma_mkclean_one). Used on the kernel's thread.
 */
final class FileClean extends MappingPart {

  FileClean(Kernel kernel) {
    super(kernel);
  }

  void clean(Vma vma, long start, long end) {
    MmStruct mm = vma.mm();
    PageTables tables = mm.tables();
    mm.invalidateStart(start, end - start);
    long at = start;
    while (at < end) {
      PageTable table = tables.pte(at);
      if (table == null) {
        cleanHuge(mm, at);
        at = (at & -kernel.pmdBytes()) + kernel.pmdBytes();
        continue;
      }
      int index = tables.pteIndex(at);
      long entry = ptes.get(table, index);
      if (format.isMapped(entry) && (format.isWritable(entry) || format.isDirty(entry))) {
        long old = ptes.clear(table, index);
        kernel.flushPage(mm, at);
        ptes.replace(table, index, format.clean(format.writeProtected(old)));
      }
      at += kernel.pageBytes();
    }
    mm.invalidateEnd(start, end - start);
  }

  private void cleanHuge(MmStruct mm, long address) {
    PageTables tables = mm.tables();
    PageTable pmd = tables.pmd(address);
    int index = tables.pmdIndex(address);
    if (pmd == null || !tables.isHuge(pmd, index)) {
      return;
    }
    long entry = pmd.entries[index];
    if (format.isWritable(entry) || format.isDirty(entry)) {
      pmd.entries[index] = format.clean(format.writeProtected(entry));
      kernel.counters().count(Primitive.PMD_SET);
      kernel.flushHuge(mm, address & -kernel.pmdBytes());
    }
  }
}
