package dev.quire.kernel.mm;

import dev.quire.kernel.page.FrameTable;
import dev.quire.kernel.page.HugetlbPool;
import dev.quire.kernel.page.PageFlag;
import dev.quire.kernel.stat.Primitive;
import dev.quire.kernel.stat.VmEvent;

/**
 * Moves a folio of a file to other frames (Linux v6.18 mm/migrate.c, migrate_pages): a page of
 * shmem or a hugetlb page. Linux puts migration notes into the page tables meanwhile; on one thread
 * nobody could meet them. Used on the kernel's thread.
 *
 * @see AnonMigration
 */
final class FolioMigration extends MappingPart {
  /** Folios as large are not moved (hugepage_movable_supported). */
  private static final long GIGANTIC_BYTES = 1L << 30;

  FolioMigration(Kernel kernel) {
    super(kernel);
  }

  /** Whether a page of a file's cache was moved; whoever maps it, maps the new frame. */
  boolean migrateFile(OpenFile file, long folio) {
    folios.lru().drain();
    boolean movable =
        frames.order(folio) == 0
            && frames.is(folio, PageFlag.SWAPBACKED)
            && frames.refCount(folio) == 1 + frames.folioMapCount(folio);
    long target = movable ? kernel.allocateCopy(folio) : FrameTable.NONE;
    if (target == FrameTable.NONE) {
      counters.event(VmEvent.PGMIGRATE_FAIL);
      return false;
    }
    frames.set(target, frames.flags(folio) & (PageFlag.SWAPBACKED | PageFlag.DIRTY));
    replace(file, folio, target, (vma, page, address, pages) -> remap(vma, folio, target, address));
    counters.event(VmEvent.PGMIGRATE_SUCCESS);
    return true;
  }

  /**
   * Puts a folio into the cache in place of another, whose last references go.
   *
   * @param target the caller's reference goes too
   * @param remap what to do about each VMA that may map the old one
   */
  private void replace(OpenFile file, long folio, long target, ReverseLookup.Visitor remap) {
    folios.get(folio, 1);
    file.replaceFolio(folio, target);
    kernel.reverseLookup().file(file.mappings(), target, remap);
    folios.put(folio, 1);
    folios.put(target, 1);
  }

  /** The entry that maps the new folio with what an entry that mapped the old one allowed. */
  private long moved(Vma vma, long entry, long to, int level) {
    long moved = vma.mm().tables().leaf(to, level, vma.entryRights());
    moved = format.isWritable(entry) ? format.writable(moved) : format.writeProtected(moved);
    return format.isDirty(entry) ? format.dirty(moved) : moved;
  }

  /** Gives an entry that maps one page of a file the other. */
  private void remap(Vma vma, long from, long to, long address) {
    MmStruct mm = vma.mm();
    PageTable table = mm.tables().pte(address);
    int index = table == null ? 0 : mm.tables().pteIndex(address);
    long entry = table == null ? 0 : table.entries[index];
    if (entry == 0 || !format.isMapped(entry) || ptes.frame(entry) != from) {
      return;
    }
    mm.invalidateStart(address, kernel.pageBytes());
    ptes.clear(table, index);
    rmap.removePtes(from, from, 1, mm.id());
    folios.put(from, 1);
    kernel.flushPage(mm, address);
    long moved = moved(vma, entry, to, 0);
    moved = format.isUffdWriteProtected(entry) ? format.uffdWriteProtected(moved) : moved;
    folios.get(to, 1);
    rmap.addFilePtes(to, to, 1, mm.id());
    ptes.set(table, index, moved, 1);
    mm.invalidateEnd(address, kernel.pageBytes());
  }

  /** Whether a hugetlb page of a file was moved: gigantic ones are not. */
  boolean migrateHugetlb(HugetlbInode file, long folio) {
    HugetlbSize size = file.hugetlbSize();
    HugetlbPool pool = size.pool();
    boolean movable =
        size.bytes() < GIGANTIC_BYTES
            && frames.refCount(folio) == size.pages() + frames.folioMapCount(folio);
    // alloc_migrate_hugetlb_folio: one more than the pool has, until the old one is free.
    long lasting = pool.total() - pool.surplus();
    if (!movable || pool.resize(lasting + 1) <= lasting) {
      counters.event(VmEvent.PGMIGRATE_FAIL, size.pages());
      return false;
    }
    long target = pool.allocate(false);
    counters.count(Primitive.PAGE_COPY, size.pages());
    kernel.contents().copied(folio, target, (int) size.pages());
    frames.set(target, frames.flags(folio) & PageFlag.DIRTY);
    replace(
        file,
        folio,
        target,
        (vma, page, address, pages) -> remapHugetlb(vma, folio, target, address));
    pool.resize(lasting);
    counters.event(VmEvent.PGMIGRATE_SUCCESS, size.pages());
    return true;
  }

  private void remapHugetlb(Vma vma, long from, long to, long address) {
    MmStruct mm = vma.mm();
    HugetlbSize size = vma.hugetlb().size();
    HugetlbEntries entries = kernel.hugetlb().entries;
    PageTable table = entries.table(mm.tables(), size, address);
    int index = entries.index(size, address);
    long entry = entries.get(table, index, size);
    if (!format.isMapped(entry) || mm.tables().frame(entry, size.level()) != from) {
      return;
    }
    mm.invalidateStart(address, size.bytes());
    entries.clear(mm.tables(), table, index, size);
    kernel.hugetlb().rmap.remove(from);
    folios.put(from, 1);
    kernel.flushHugetlb(mm, address, size);
    folios.get(to, 1);
    kernel.hugetlb().rmap.addFile(to);
    entries.set(mm.tables(), table, index, size, moved(vma, entry, to, size.level()));
    mm.invalidateEnd(address, size.bytes());
  }
}
