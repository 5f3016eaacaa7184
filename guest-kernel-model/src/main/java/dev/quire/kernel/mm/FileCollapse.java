package dev.quire.kernel.mm;

import dev.quire.kernel.stat.Primitive;

/**
 * The page tables' side of MADV_COLLAPSE of a file: once its cache has one folio for a whole PMD,
 * takes away the tables that hold nothing any more, and maps the folio where it was asked for
 * (Linux v6.18 mm/khugepaged.c, retract_page_tables and collapse_pte_mapped_thp). Used on the
 * kernel's thread.
 */
final class FileCollapse extends MappingPart {
  private final FaultContext context;

  FileCollapse(Kernel kernel) {
    super(kernel);
    this.context = new FaultContext(new FileFault(kernel));
  }

  /** Collapses one PMD: 0, or -errno; -EAGAIN leaves the next ones worth trying. */
  int collapse(Vma vma, long start) {
    OpenFile file = vma.file();
    long pgoff = vma.pgoff(start);
    if (isAwaited(file, pgoff)) {
      long pages = kernel.pmdBytes() >>> kernel.pageShift();
      kernel.unmapMappingRange(file.mappings(), pgoff, pages, false);
      return -Errno.EBUSY;
    }
    long error = file.collapse(pgoff);
    if (error != 0) {
      return (int) error;
    }
    retract(file.mappings(), pgoff);
    return map(vma, start);
  }

  /** Whether pages are missing that a userfaultfd is to be asked for (collapse_file). */
  private boolean isAwaited(OpenFile file, long pgoff) {
    long end = pgoff + (kernel.pmdBytes() >>> kernel.pageShift());
    boolean asks = false;
    for (int i = 0; i < file.mappings().size(); i++) {
      Vma vma = file.mappings().get(i);
      asks |= vma.is(VmFlags.UFFD_MISSING) && vma.pgoff() < end && vma.pgoff(vma.end()) > pgoff;
    }
    long at = pgoff;
    while (asks && at < end && file.cached(at)) {
      at++;
    }
    return asks && at < end;
  }

  private void retract(FileMappings mappings, long pgoff) {
    long pages = kernel.pmdBytes() >>> kernel.pageShift();
    for (int i = 0; i < mappings.size(); i++) {
      Vma vma = mappings.get(i);
      if (vma.anonVma() != null
          || vma.is(VmFlags.UFFD_WP)
          || pgoff < vma.pgoff()
          || pgoff + pages > vma.pgoff(vma.end())
          || (vma.address(pgoff) & kernel.pmdBytes() - 1) != 0) {
        continue;
      }
      PageTables tables = vma.mm().tables();
      long address = vma.address(pgoff);
      PageTable pmd = tables.pmd(address);
      int index = tables.pmdIndex(address);
      if (pmd != null && tables.isTable(pmd, index) && isEmpty(pmd.below[index])) {
        drop(vma, pmd, index, address);
      }
    }
  }

  private void drop(Vma vma, PageTable pmd, int index, long address) {
    PageTables tables = vma.mm().tables();
    kernel.counters().count(Primitive.TABLE_LOCK);
    tables.free(tables.unlink(pmd, index));
    kernel.flushHuge(vma.mm(), address);
  }

  private static boolean isEmpty(PageTable table) {
    for (long entry : table.entries) {
      if (entry != 0) {
        return false;
      }
    }
    return true;
  }

  private int map(Vma vma, long start) {
    PageTables tables = vma.mm().tables();
    PageTable pmd = tables.makePmd(start);
    if (pmd == null) {
      return -Errno.EINVAL;
    }
    int index = tables.pmdIndex(start);
    if (tables.isHuge(pmd, index)) {
      return 0;
    }
    if (vma.is(VmFlags.UFFD_WP)) {
      return -Errno.EINVAL;
    }
    long folio = vma.file().hugeFolio(vma.pgoff(start));
    if (tables.isTable(pmd, index)) {
      if (!mapsOnly(pmd.below[index], folio)) {
        return -Errno.EINVAL;
      }
      clear(vma, pmd.below[index], folio);
      drop(vma, pmd, index, start);
    }
    context.start(vma, start, false);
    context.setPmd(pmd, index);
    return context.mapPmd(folio) ? 0 : -Errno.EINVAL;
  }

  /** Whether every entry is none or maps the page of the folio that belongs there. */
  private boolean mapsOnly(PageTable table, long folio) {
    for (int i = 0; i < table.entries.length; i++) {
      long entry = ptes.get(table, i);
      if (entry != 0 && !(format.isMapped(entry) && ptes.frame(entry) == folio + i)) {
        return false;
      }
    }
    return true;
  }

  private void clear(Vma vma, PageTable table, long folio) {
    int mapped = 0;
    for (int i = 0; i < table.entries.length; i++) {
      if (table.entries[i] != 0) {
        ptes.clear(table, i);
        rmap.removePtes(folio, folio + i, 1, vma.mm().id());
        mapped++;
      }
    }
    if (mapped > 0) {
      folios.put(folio, mapped);
      vma.mm().addFile(-mapped, vma.ops().isShmem());
    }
  }
}
