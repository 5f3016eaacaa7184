package dev.quire.kernel.mm;

import dev.quire.kernel.page.FrameTable;
import dev.quire.kernel.page.PageFlag;
import dev.quire.kernel.stat.Primitive;

/**
 * UFFDIO_MOVE: gives private anonymous pages another address, whole huge pages where both ends are
 * aligned, base pages of split folios else (Linux v6.18 mm/userfaultfd.c, move_pages to
 * move_present_pte; mm/huge_memory.c, move_pages_huge_pmd). Used on the kernel's thread.
 */
final class UffdMove extends MappingPart {
  private static final long IMMOVABLE =
      VmFlags.PFNMAP | VmFlags.IO | VmFlags.HUGETLB | VmFlags.MIXEDMAP;

  private final HugePmd hugePmd;

  /** Bytes that the last step moved, or found to be a hole. */
  private long step;

  UffdMove(Kernel kernel, HugePmd hugePmd) {
    super(kernel);
    this.hugePmd = hugePmd;
  }

  /** Moves a range: bytes done, or -errno if none. */
  long move(
      MmStruct mm,
      UffdContext context,
      long destination,
      long source,
      long bytes,
      boolean allowHoles) {
    Vma to = mm.vmas().find(destination);
    if (to == null) {
      return -Errno.ENOENT;
    }
    if (!to.is(VmFlags.SHARED)) {
      mm.prepareAnon(to);
    }
    Vma from = mm.vmas().find(source);
    if (from == null) {
      return -Errno.ENOENT;
    }
    if (!isLegal(from, to, context)
        || source + bytes > from.end()
        || destination + bytes > to.end()) {
      return -Errno.EINVAL;
    }
    long moved = 0;
    long error = 0;
    while (moved < bytes && error == 0) {
      step = 0;
      error = step(from, to, source + moved, destination + moved, bytes - moved, allowHoles);
      moved += step;
    }
    return moved > 0 ? moved : error;
  }

  /** validate_move_areas, and that neither mapping is shared. */
  private static boolean isLegal(Vma from, Vma to, UffdContext context) {
    long alike = VmFlags.ACCESS | VmFlags.LOCKED;
    return ((from.flags() | to.flags()) & (VmFlags.SHARED | IMMOVABLE)) == 0
        && ((from.flags() ^ to.flags()) & alike) == 0
        && from.is(VmFlags.WRITE)
        && to.uffd() == context
        && from.isAnonymous()
        && to.isAnonymous();
  }

  /** One round of move_pages: 0, with {@link #step} 0 if it only made ready; or -errno. */
  private long step(
      Vma from, Vma to, long source, long destination, long left, boolean allowHoles) {
    PageTables tables = from.mm().tables();
    PageTable sourcePmd = tables.pmd(source);
    if (sourcePmd == null) {
      if (!allowHoles) {
        return -Errno.ENOENT;
      }
      sourcePmd = tables.makePmd(source);
    }
    PageTable targetPmd = tables.makePmd(destination);
    if (sourcePmd == null || targetPmd == null) {
      return -Errno.ENOMEM;
    }
    int sourceIndex = tables.pmdIndex(source);
    int targetIndex = tables.pmdIndex(destination);
    if (tables.isHuge(targetPmd, targetIndex)) {
      return -Errno.EEXIST;
    }
    if (tables.isHuge(sourcePmd, sourceIndex)) {
      long entry = sourcePmd.entries[sourceIndex];
      if (!kernel.isHugeZero(entry)
          && !frames.is(tables.frame(entry, 1), PageFlag.ANON_EXCLUSIVE)) {
        return -Errno.EBUSY;
      }
      long mask = kernel.pmdBytes() - 1;
      if (((source | destination) & mask) != 0
          || left < kernel.pmdBytes()
          || targetPmd.entries[targetIndex] != 0) {
        hugePmd.split(from, source);
        return 0;
      }
      moveHuge(to, sourcePmd, sourceIndex, targetPmd, targetIndex, source, destination);
      return 0;
    }
    if (sourcePmd.entries[sourceIndex] == 0 && !allowHoles) {
      return -Errno.ENOENT;
    }
    PageTable sourceTable = tables.makePte(source);
    PageTable targetTable = tables.makePte(destination);
    if (sourceTable == null || targetTable == null) {
      return -Errno.ENOMEM;
    }
    return movePage(from, to, sourceTable, targetTable, source, destination, allowHoles);
  }

  /** move_pages_huge_pmd. */
  private void moveHuge(
      Vma to,
      PageTable sourcePmd,
      int sourceIndex,
      PageTable targetPmd,
      int targetIndex,
      long source,
      long destination) {
    MmStruct mm = to.mm();
    PageTables tables = mm.tables();
    step = kernel.pmdBytes();
    mm.invalidateStart(source, step);
    counters.count(Primitive.TABLE_LOCK, 2);
    long entry = sourcePmd.entries[sourceIndex];
    PageTable deposit = tables.clearHuge(sourcePmd, sourceIndex);
    kernel.flushHuge(mm, source);
    if (kernel.isHugeZero(entry)) {
      entry = format.uffdWritable(entry);
    } else {
      long folio = tables.frame(entry, 1);
      frames.setMapping(folio, to.anonVma(), to.pgoff(destination));
      entry = format.writable(format.dirty(tables.leaf(folio, 1, to.entryRights())));
    }
    tables.setHuge(targetPmd, targetIndex, entry, deposit);
    mm.invalidateEnd(source, step);
  }

  /** move_pages_pte. */
  private long movePage(
      Vma from,
      Vma to,
      PageTable sourceTable,
      PageTable targetTable,
      long source,
      long destination,
      boolean allowHoles) {
    PageTables tables = from.mm().tables();
    int sourceIndex = tables.pteIndex(source);
    int targetIndex = tables.pteIndex(destination);
    counters.count(Primitive.TABLE_LOCK, 2);
    if (ptes.get(targetTable, targetIndex) != 0) {
      return -Errno.EEXIST;
    }
    long entry = ptes.get(sourceTable, sourceIndex);
    if (entry == 0) {
      step = allowHoles ? kernel.pageBytes() : 0;
      return allowHoles ? 0 : -Errno.ENOENT;
    }
    if (!format.isMapped(entry)) {
      return -Errno.EFAULT;
    }
    long folio = FrameTable.NONE;
    if (!format.isSpecial(entry)) {
      long page = ptes.frame(entry);
      folio = frames.folioOf(page);
      if (!frames.is(page, PageFlag.ANON_EXCLUSIVE)) {
        return -Errno.EBUSY;
      }
      if (frames.order(folio) > 0) {
        return split(folio);
      }
    }
    step = kernel.pageBytes();
    from.mm().invalidateStart(source, step);
    counters.count(Primitive.TABLE_LOCK, 2);
    ptes.clear(sourceTable, sourceIndex);
    kernel.flushPage(from.mm(), source);
    ptes.set(targetTable, targetIndex, moved(to, entry, folio, destination), 1);
    from.mm().invalidateEnd(source, step);
    return 0;
  }

  /** The entry at the new address: no longer write-protected by userfaultfd. */
  private long moved(Vma to, long entry, long folio, long destination) {
    PageTables tables = to.mm().tables();
    if (folio == FrameTable.NONE) {
      return format.special(tables.leaf(kernel.zeroPage(), 0, to.entryRights()));
    }
    frames.setMapping(folio, to.anonVma(), to.pgoff(destination));
    long fresh = tables.leaf(folio, 0, to.entryRights());
    fresh = format.isDirty(entry) ? format.dirty(fresh) : fresh;
    return format.writable(fresh);
  }

  /**
   * A large folio is split first; the round after that moves its pages. Linux tries again for ever
   * while somebody else holds a reference; here that is EBUSY.
   */
  private long split(long folio) {
    folios.get(folio, 1);
    int error = kernel.splitFolio(folio);
    folios.put(folio, 1);
    return error == -Errno.EAGAIN ? -Errno.EBUSY : error;
  }
}
