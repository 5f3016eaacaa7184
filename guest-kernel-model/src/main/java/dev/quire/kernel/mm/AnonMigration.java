package dev.quire.kernel.mm;

import dev.quire.kernel.page.FrameTable;
import dev.quire.kernel.page.PageFlag;
import dev.quire.kernel.stat.MthpStat;
import dev.quire.kernel.stat.VmEvent;
import java.util.BitSet;

/**
 * Moves an anonymous folio to other frames, whoever maps it and by whatever entries (Linux v6.18
 * mm/migrate.c, migrate_pages; mm/rmap.c, try_to_migrate_one). Linux puts migration notes into the
 * page tables meanwhile; on one thread nobody could meet them, so an entry is replaced at once.
 * Hugetlb folios stay. Used on the kernel's thread.
 */
final class AnonMigration extends MappingPart {

  AnonMigration(Kernel kernel) {
    super(kernel);
  }

  /** Whether the folio that a page is part of was moved; one mapped in part is split before. */
  boolean migrate(long page) {
    folios.lru().drain();
    long folio = frames.folioOf(page);
    if (frames.is(folio, PageFlag.HUGETLB)) {
      return false;
    }
    int nr = frames.pages(folio);
    if (nr <= 2 || !frames.is(folio, PageFlag.PARTIALLY_MAPPED)) {
      return move(folio);
    }
    folios.get(folio, 1);
    boolean split = kernel.splitFolio(folio) == 0;
    folios.put(folio, 1);
    return split && moveParts(folio, nr, page);
  }

  /**
   * Moves the pages of a split folio that are still in use; whether {@code page} was among them.
   */
  private boolean moveParts(long first, int nr, long page) {
    // What is moved may get the frame of a part that is free.
    BitSet inUse = new BitSet(nr);
    for (int i = 0; i < nr; i++) {
      inUse.set(i, frames.refCount(first + i) > 0 && frames.is(first + i, PageFlag.ANON));
    }
    boolean moved = false;
    for (int i = inUse.nextSetBit(0); i >= 0; i = inUse.nextSetBit(i + 1)) {
      boolean done = move(first + i);
      moved |= done && first + i == page;
    }
    return moved;
  }

  private boolean move(long folio) {
    int order = frames.order(folio);
    int nr = 1 << order;
    boolean movable = rmap.mapCount(folio) == frames.refCount(folio);
    long target = movable ? kernel.allocateCopies(folio, order) : FrameTable.NONE;
    if (target == FrameTable.NONE) {
      counters.event(VmEvent.PGMIGRATE_FAIL, nr);
      return false;
    }
    int kept = PageFlag.ANON | PageFlag.SWAPBACKED | PageFlag.DIRTY;
    frames.set(target, frames.flags(folio) & kept);
    frames.setMapping(target, frames.mapping(folio), frames.index(folio));
    if (order > 0) {
      counters.mthp(order, MthpStat.NR_ANON, 1);
    }
    folios.addToLru(target);
    folios.get(folio, 1);
    kernel
        .reverseLookup()
        .anon(
            folio,
            (vma, first, address, pages) ->
                remap(vma, folio, target, first - folio, address, pages));
    folios.put(folio, 1);
    folios.put(target, 1);
    counters.event(VmEvent.PGMIGRATE_SUCCESS, nr);
    if (order == kernel.config().pmdOrder()) {
      counters.event(VmEvent.THP_MIGRATION_SUCCESS);
    }
    return true;
  }

  /** Gives the entries of one VMA that map pages of a folio those of the other. */
  private void remap(Vma vma, long from, long to, long firstIndex, long address, int pages) {
    PageTables tables = vma.mm().tables();
    long bytes = (long) pages << kernel.pageShift();
    vma.mm().invalidateStart(address, bytes);
    for (int i = 0; i < pages; i++) {
      long at = address + ((long) i << kernel.pageShift());
      PageTable table = tables.pte(at);
      if (table != null) {
        remapPage(vma, table, tables.pteIndex(at), from, to, firstIndex + i);
      } else if (i == 0 || (at & kernel.pmdBytes() - 1) == 0) {
        remapHuge(vma, tables.pmd(at), at, from, to);
      }
    }
    vma.mm().invalidateEnd(address, bytes);
    kernel.flushRange(vma.mm(), address, address + bytes);
  }

  private void remapPage(Vma vma, PageTable table, int index, long from, long to, long offset) {
    long entry = ptes.get(table, index);
    long page = from + offset;
    if (!format.isMapped(entry) || format.isSpecial(entry) || ptes.frame(entry) != page) {
      return;
    }
    int mm = vma.mm().id();
    ptes.clear(table, index);
    boolean exclusive = leave(page);
    rmap.removePtes(from, page, 1, mm);
    kernel.mlock().leave(vma, from);
    folios.put(from, 1);
    folios.get(to, 1);
    rmap.addAnonPtes(to, to + offset, 1, mm, exclusive);
    ptes.set(table, index, moved(vma, entry, to, to + offset, 0), 1);
    if (frames.order(to) == 0 && Mlock.locks(vma)) {
      kernel.mlock().lock(to);
    }
  }

  private void remapHuge(Vma vma, PageTable pmd, long address, long from, long to) {
    PageTables tables = vma.mm().tables();
    int index = tables.pmdIndex(address);
    if (pmd == null || !tables.isHuge(pmd, index)) {
      return;
    }
    long entry = pmd.entries[index];
    if (kernel.isHugeZero(entry) || tables.frame(entry, 1) != from) {
      return;
    }
    int mm = vma.mm().id();
    PageTable deposit = tables.clearHuge(pmd, index);
    kernel.flushHuge(vma.mm(), address & -kernel.pmdBytes());
    boolean exclusive = leave(from);
    rmap.removePmd(from, mm);
    kernel.mlock().leave(vma, from);
    folios.put(from, 1);
    folios.get(to, 1);
    rmap.addAnonPmd(to, mm, exclusive);
    tables.setHuge(pmd, index, moved(vma, entry, to, to, 1), deposit);
  }

  /** Whether the page was exclusive, which its note remembers. */
  private boolean leave(long page) {
    boolean exclusive = frames.is(page, PageFlag.ANON_EXCLUSIVE);
    if (exclusive) {
      rmap.tryShareAnon(page, false);
    }
    return exclusive;
  }

  /** remove_migration_pte: an entry as the old one for the new page. */
  private long moved(Vma vma, long old, long folio, long page, int level) {
    long entry = vma.mm().tables().leaf(page, level, vma.entryRights());
    entry = format.isYoung(old) ? entry : format.old(entry);
    if (format.isDirty(old)) {
      frames.set(folio, PageFlag.DIRTY);
      entry = format.dirty(entry);
    }
    entry = format.isWritable(old) ? format.writable(entry) : entry;
    return format.isUffdWriteProtected(old) ? format.uffdWriteProtected(entry) : entry;
  }
}
