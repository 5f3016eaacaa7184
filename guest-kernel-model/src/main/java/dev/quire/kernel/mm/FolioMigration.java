package dev.quire.kernel.mm;

import dev.quire.kernel.page.Folios;
import dev.quire.kernel.page.FrameTable;
import dev.quire.kernel.page.PageFlag;
import dev.quire.kernel.rmap.ReverseMap;
import dev.quire.kernel.stat.KernelCounters;
import dev.quire.kernel.stat.VmEvent;
import dev.quire.mmu.KernelPteFormat;

/**
 * Moves an anonymous folio that one process alone maps, wholly, to other frames (Linux v6.18
 * mm/migrate.c, migrate_pages). Linux puts migration notes into the page tables meanwhile; on one
 * thread nobody could meet them. Used on the kernel's thread.
 */
final class FolioMigration {
  private final Kernel kernel;
  private final KernelPteFormat format;
  private final KernelCounters counters;
  private final FrameTable frames;
  private final Folios folios;
  private final ReverseMap rmap;

  FolioMigration(Kernel kernel) {
    this.kernel = kernel;
    this.format = kernel.format();
    this.counters = kernel.counters();
    this.frames = kernel.frames();
    this.folios = kernel.folios();
    this.rmap = kernel.rmap();
  }

  /** Whether the folio at an address was moved. */
  boolean migrate(MmStruct mm, long folio, long address) {
    folios.lru().drain();
    int order = frames.order(folio);
    int nr = 1 << order;
    PageTables tables = mm.tables();
    PageTable pmd = tables.pmd(address);
    int pmdIndex = tables.pmdIndex(address);
    boolean huge = !tables.isTable(pmd, pmdIndex);
    long start = address & -((long) nr << kernel.pageShift());
    if (!isWhole(mm, folio, start, huge)) {
      return false;
    }
    long target = kernel.allocateCopies(folio, order);
    if (target == FrameTable.NONE) {
      counters.event(VmEvent.PGMIGRATE_FAIL, nr);
      return false;
    }
    Vma vma = mm.vmas().find(address);
    long bytes = (long) nr << kernel.pageShift();
    mm.invalidateStart(start, bytes);
    boolean exclusive = frames.is(folio, PageFlag.ANON_EXCLUSIVE);
    if (huge) {
      long entry = pmd.entries[pmdIndex];
      PageTable deposit = tables.clearHuge(pmd, pmdIndex);
      rmap.removePmd(folio, mm.id());
      folios.put(folio, 1);
      adopt(vma, target, start, exclusive);
      long moved = tables.leaf(target, 1, vma.entryRights());
      moved = format.isWritable(entry) ? format.writable(format.dirty(moved)) : moved;
      tables.setHuge(pmd, pmdIndex, moved, deposit);
    } else {
      movePages(mm, vma, folio, target, start, exclusive);
    }
    kernel.flushRange(mm, start, start + bytes);
    mm.invalidateEnd(start, bytes);
    counters.event(VmEvent.PGMIGRATE_SUCCESS, nr);
    if (order == kernel.config().pmdOrder()) {
      counters.event(VmEvent.THP_MIGRATION_SUCCESS);
    }
    return true;
  }

  private void movePages(
      MmStruct mm, Vma vma, long folio, long target, long start, boolean exclusive) {
    int nr = frames.pages(folio);
    PageTable table = mm.tables().pte(start);
    int index = mm.tables().pteIndex(start);
    boolean writable = true;
    for (int i = 0; i < nr; i++) {
      writable &= format.isWritable(table.entries[index + i]);
    }
    kernel.ptes().clear(table, index, nr);
    rmap.removePtes(folio, folio, nr, mm.id());
    folios.put(folio, nr);
    adopt(vma, target, start, exclusive);
    folios.get(target, nr - 1);
    long entry = mm.tables().leaf(target, 0, vma.entryRights());
    entry = writable ? format.writable(format.dirty(entry)) : entry;
    kernel.ptes().set(table, index, entry, nr);
  }

  private void adopt(Vma vma, long target, long start, boolean exclusive) {
    rmap.addNewAnon(target, vma.anonVma(), vma.pgoff(start), vma.mm().id(), exclusive);
    kernel.addAnonToLru(target, vma);
  }

  /** Whether one aligned run of entries maps all of the folio, and nobody else has it. */
  private boolean isWhole(MmStruct mm, long folio, long start, boolean huge) {
    if (rmap.mapCount(folio) != frames.refCount(folio)) {
      return false;
    }
    if (huge) {
      return frames.refCount(folio) == 1;
    }
    int nr = frames.pages(folio);
    if (frames.refCount(folio) != nr || nr > 1 && nr == 1 << kernel.config().pmdOrder()) {
      return false;
    }
    PageTable table = mm.tables().pte(start);
    int index = mm.tables().pteIndex(start);
    boolean exclusive = frames.is(folio, PageFlag.ANON_EXCLUSIVE);
    for (int i = 0; i < nr; i++) {
      long entry = table.entries[index + i];
      if (entry == 0
          || !format.isMapped(entry)
          || kernel.ptes().frame(entry) != folio + i
          || frames.is(folio + i, PageFlag.ANON_EXCLUSIVE) != exclusive) {
        return false;
      }
    }
    return true;
  }
}
