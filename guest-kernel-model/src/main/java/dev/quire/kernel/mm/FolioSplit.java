package dev.quire.kernel.mm;

import dev.quire.kernel.page.PageFlag;
import dev.quire.kernel.stat.MthpStat;
import dev.quire.kernel.stat.Primitive;
import dev.quire.kernel.stat.VmEvent;

/**
 * Splits a large anonymous folio to base pages (Linux v6.18 mm/huge_memory.c, __folio_split): its
 * mappings become migration notes, page by page, the folio is taken apart, and the notes become
 * mappings of the pages; pages that hold only zeros are mapped to the zero page instead and freed.
 * Used on the kernel's thread.
 */
final class FolioSplit extends MappingPart {
  private static final long YOUNG = 1L << 38;
  private static final long DIRTY = 1L << 39;

  private final ReverseLookup lookup;

  FolioSplit(Kernel kernel, ReverseLookup lookup) {
    super(kernel);
    this.lookup = lookup;
  }

  /**
   * Splits a folio; the caller holds one reference, which is the first page's afterwards.
   *
   * @return 0; or -EAGAIN if somebody else holds references; -EBUSY if nobody maps it
   */
  int split(long folio) {
    int order = frames.order(folio);
    int result = trySplit(folio, order);
    if (order == kernel.config().pmdOrder()) {
      counters.event(result == 0 ? VmEvent.THP_SPLIT_PAGE : VmEvent.THP_SPLIT_PAGE_FAILED);
    }
    counters.mthp(order, result == 0 ? MthpStat.SPLIT : MthpStat.SPLIT_FAILED, 1);
    return result;
  }

  private int trySplit(long folio, int order) {
    if (!rmap.mapped(folio)) {
      return -Errno.EBUSY;
    }
    if (rmap.mapCount(folio) != frames.refCount(folio) - 1) {
      return -Errno.EAGAIN;
    }
    lookup.anon(folio, (vma, page, address, pages) -> unmap(folio, vma, page, address, pages));
    folios.split(folio, 0, 1);
    for (int i = 0; i < 1 << order; i++) {
      long page = folio + i;
      lookup.anon(page, (vma, first, address, pages) -> remap(page, vma, address));
    }
    for (int i = 1; i < 1 << order; i++) {
      folios.put(folio + i, 1);
    }
    return 0;
  }

  /** try_to_migrate_one. */
  private void unmap(long folio, Vma vma, long firstPage, long address, int pages) {
    PageTables tables = vma.mm().tables();
    long bytes = (long) pages << kernel.pageShift();
    vma.mm().invalidateStart(address, bytes);
    for (int i = 0; i < pages; i++) {
      long at = address + ((long) i << kernel.pageShift());
      PageTable pmd = tables.pmd(at);
      if (pmd != null && mapsHuge(tables, pmd, at, folio)) {
        freeze(vma, pmd, at & -kernel.pmdBytes());
      }
      PageTable table = tables.pte(at);
      if (table != null) {
        unmapOne(folio, vma, firstPage + i, table, tables.pteIndex(at));
      }
    }
    vma.mm().invalidateEnd(address, bytes);
    kernel.flushRange(vma.mm(), address, address + bytes);
  }

  private boolean mapsHuge(PageTables tables, PageTable pmd, long at, long folio) {
    long entry = pmd.entries[tables.pmdIndex(at)];
    return entry != 0 && tables.isHuge(pmd, tables.pmdIndex(at)) && tables.frame(entry, 1) == folio;
  }

  /**
   * __split_huge_pmd_locked with freeze: notes take the place of the huge page at once, so that it
   * is never mapped in part.
   */
  private void freeze(Vma vma, PageTable pmd, long start) {
    PageTables tables = vma.mm().tables();
    int index = tables.pmdIndex(start);
    long entry = pmd.entries[index];
    counters.event(VmEvent.THP_SPLIT_PMD);
    counters.count(Primitive.TABLE_LOCK);
    PageTable table = tables.clearHuge(pmd, index);
    kernel.flushHuge(vma.mm(), start);
    long folio = tables.frame(entry, 1);
    if (format.isDirty(entry)) {
      frames.set(folio, PageFlag.DIRTY);
    }
    boolean exclusive = frames.is(folio, PageFlag.ANON_EXCLUSIVE);
    if (exclusive) {
      rmap.tryShareAnon(folio, false);
    }
    counters.count(Primitive.PTE_SET, table.entries.length);
    for (int i = 0; i < table.entries.length; i++) {
      table.entries[i] = migration(entry, folio + i, exclusive);
    }
    rmap.removePmd(folio, vma.mm().id());
    tables.link(pmd, index, table, start);
    folios.put(folio, 1);
  }

  /** The note that a page leaves where an entry, its own or the PMD's, mapped it. */
  private long migration(long entry, long page, boolean exclusive) {
    int type =
        format.isWritable(entry)
            ? PteNote.MIGRATION_WRITE
            : exclusive ? PteNote.MIGRATION_READ_EXCLUSIVE : PteNote.MIGRATION_READ;
    long value = page;
    value |= format.isYoung(entry) ? YOUNG : 0;
    value |= format.isDirty(entry) ? DIRTY : 0;
    long note = format.note(type, value);
    return format.isUffdWriteProtected(entry) ? format.uffdWriteProtected(note) : note;
  }

  private void unmapOne(long folio, Vma vma, long page, PageTable table, int index) {
    long entry = table.entries[index];
    if (entry == 0
        || !format.isMapped(entry)
        || format.isSpecial(entry)
        || ptes.frame(entry) != page) {
      return;
    }
    ptes.clear(table, index);
    if (format.isDirty(entry)) {
      frames.set(folio, PageFlag.DIRTY);
    }
    boolean exclusive = frames.is(page, PageFlag.ANON_EXCLUSIVE);
    if (exclusive) {
      rmap.tryShareAnon(page, false);
    }
    ptes.replace(table, index, migration(entry, page, exclusive));
    rmap.removePtes(folio, page, 1, vma.mm().id());
    folios.put(folio, 1);
  }

  /** remove_migration_pte. */
  private void remap(long page, Vma vma, long address) {
    PageTables tables = vma.mm().tables();
    PageTable table = tables.pte(address);
    if (table == null) {
      return;
    }
    int index = tables.pteIndex(address);
    long note = table.entries[index];
    if (!PteNote.isMigration(format, note) || (format.noteValue(note) & ~(YOUNG | DIRTY)) != page) {
      return;
    }
    boolean protectedByUffd = format.isUffdWriteProtected(note);
    if (isUnused(page, vma)) {
      long zero = format.special(tables.leaf(kernel.zeroPage(), 0, vma.entryRights()));
      ptes.replace(table, index, protectedByUffd ? format.uffdWriteProtected(zero) : zero);
      vma.mm().addAnon(-1);
      return;
    }
    int type = format.noteType(note);
    long entry = tables.leaf(page, 0, vma.entryRights());
    entry = (format.noteValue(note) & YOUNG) != 0 ? entry : format.old(entry);
    entry =
        (format.noteValue(note) & DIRTY) != 0 && frames.is(page, PageFlag.DIRTY)
            ? format.dirty(entry)
            : entry;
    entry = type == PteNote.MIGRATION_WRITE ? format.writable(entry) : entry;
    entry = protectedByUffd ? format.uffdWriteProtected(entry) : entry;
    folios.get(page, 1);
    rmap.addAnonPtes(page, page, 1, vma.mm().id(), type != PteNote.MIGRATION_READ);
    ptes.replace(table, index, entry);
    if (Mlock.locks(vma)) {
      kernel.mlock().lock(page);
    }
  }

  /** try_to_map_unused_to_zeropage. */
  private boolean isUnused(long page, Vma vma) {
    return kernel.contents().holdsZeros(page)
        && !frames.is(page, PageFlag.MLOCKED)
        && !vma.is(VmFlags.LOCKED);
  }
}
