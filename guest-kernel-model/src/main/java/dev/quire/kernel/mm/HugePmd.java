package dev.quire.kernel.mm;

import dev.quire.kernel.gather.MmuGather;
import dev.quire.kernel.page.PageFlag;
import dev.quire.kernel.stat.Primitive;
import dev.quire.kernel.stat.VmEvent;

/**
 * What happens to a PMD that maps a huge page, apart from faults (Linux v6.18 mm/huge_memory.c):
 * split into PTEs, zap, copy for a child, move, change of rights. Used on the kernel's thread.
 */
final class HugePmd extends MappingPart {
  private final int pages;

  HugePmd(Kernel kernel) {
    super(kernel);
    this.pages = 1 << kernel.config().pmdOrder();
  }

  /** Splits the PMD at an address if it maps a huge page (split_huge_pmd_address). */
  void split(Vma vma, long address) {
    PageTables tables = vma.mm().tables();
    PageTable pmd = tables.pmd(address);
    if (pmd == null || !tables.isHuge(pmd, tables.pmdIndex(address))) {
      return;
    }
    long start = address & -kernel.pmdBytes();
    vma.mm().invalidateStart(start, kernel.pmdBytes());
    counters.count(Primitive.TABLE_LOCK);
    splitLocked(vma, pmd, tables.pmdIndex(address), start);
    vma.mm().invalidateEnd(start, kernel.pmdBytes());
  }

  /** {@link #split} where a new border of a VMA would cut a huge page (vma_adjust_trans_huge). */
  void splitAtBorder(Vma vma, long address) {
    long start = address & -kernel.pmdBytes();
    if (start != address && start >= vma.start() && start + kernel.pmdBytes() <= vma.end()) {
      split(vma, address);
    }
  }

  private void splitLocked(Vma vma, PageTable pmd, int index, long start) {
    counters.event(VmEvent.THP_SPLIT_PMD);
    PageTables tables = vma.mm().tables();
    long entry = pmd.entries[index];
    if (!vma.isAnonymous()) {
      splitFile(vma, pmd, index, start);
      return;
    }
    PageTable table = tables.clearHuge(pmd, index);
    kernel.flushHuge(vma.mm(), start);
    if (kernel.isHugeZero(entry)) {
      long zero = format.special(tables.leaf(kernel.zeroPage(), 0, vma.entryRights()));
      zero = format.isUffdWriteProtected(entry) ? format.uffdWriteProtected(zero) : zero;
      counters.count(Primitive.PTE_SET, pages);
      java.util.Arrays.fill(table.entries, zero);
      tables.link(pmd, index, table, start);
      return;
    }
    long folio = tables.frame(entry, 1);
    boolean exclusive = frames.is(folio, PageFlag.ANON_EXCLUSIVE);
    if (format.isDirty(entry)) {
      frames.set(folio, PageFlag.DIRTY);
    }
    folios.get(folio, pages - 1);
    rmap.addAnonPtes(folio, folio, pages, vma.mm().id(), exclusive);
    long pte = tables.leaf(folio, 0, vma.entryRights());
    pte = format.isWritable(entry) ? format.writable(pte) : pte;
    pte = format.isYoung(entry) ? pte : format.old(pte);
    pte = format.isDirty(entry) ? format.dirty(pte) : pte;
    pte = format.isUffdWriteProtected(entry) ? format.uffdWriteProtected(pte) : pte;
    ptes.set(table, 0, pte, pages);
    rmap.removePmd(folio, vma.mm().id());
    tables.link(pmd, index, table, start);
  }

  /** The pages of a file are found again by faults. */
  private void splitFile(Vma vma, PageTable pmd, int index, long start) {
    long entry = pmd.entries[index];
    dropDeposit(vma.mm().tables(), vma.mm().tables().clearHuge(pmd, index));
    kernel.flushHuge(vma.mm(), start);
    if (kernel.isHugeZero(entry)) {
      return;
    }
    long folio = vma.mm().tables().frame(entry, 1);
    leaveFile(folio, entry);
    rmap.removePmd(folio, vma.mm().id());
    vma.mm().addFile(-pages, frames.is(folio, PageFlag.SWAPBACKED));
    folios.put(folio, 1);
  }

  private void leaveFile(long folio, long entry) {
    if (format.isDirty(entry)) {
      frames.set(folio, PageFlag.DIRTY);
    }
    if (format.isYoung(entry)) {
      folios.lru().markAccessed(folio);
    }
  }

  private static void dropDeposit(PageTables tables, PageTable deposit) {
    if (deposit != null) {
      tables.free(deposit);
    }
  }

  /**
   * Takes a whole huge page out of a process (zap_huge_pmd).
   *
   * @return whether the gather is full
   */
  boolean zap(MmuGather gather, Vma vma, PageTable pmd, int index, long start) {
    MmStruct mm = vma.mm();
    counters.count(Primitive.TABLE_LOCK);
    long entry = pmd.entries[index];
    dropDeposit(mm.tables(), mm.tables().clearHuge(pmd, index));
    gather.cleared(start, kernel.pmdBytes(), 1);
    if (kernel.isHugeZero(entry)) {
      return false;
    }
    long folio = mm.tables().frame(entry, 1);
    rmap.removePmd(folio, mm.id());
    if (frames.is(folio, PageFlag.ANON)) {
      mm.addAnon(-pages);
    } else {
      leaveFile(folio, entry);
      mm.addFile(-pages, frames.is(folio, PageFlag.SWAPBACKED));
    }
    kernel.mlock().leave(vma, folio);
    return gather.add(folio, 1, false);
  }

  /**
   * Gives a child the parent's huge page, read-only for both (copy_huge_pmd).
   *
   * @return 0, -ENOMEM, or -EAGAIN: it may be pinned, and was split for its pages to be copied
   */
  int copy(Vma child, Vma parent, PageTable pmd, int index, long start) {
    if (!child.isAnonymous()) {
      return 0;
    }
    PageTables tables = child.mm().tables();
    PageTable childPmd = tables.makePmd(start);
    PageTable deposit = childPmd == null ? null : tables.makePte();
    if (deposit == null) {
      return -Errno.ENOMEM;
    }
    counters.count(Primitive.TABLE_LOCK, 2);
    long entry = pmd.entries[index];
    if (kernel.isHugeZero(entry)) {
      kernel.hugeZero().get(child.mm());
    } else {
      long folio = parent.mm().tables().frame(entry, 1);
      folios.get(folio, 1);
      boolean pinned = kernel.pinnedPages().needsCow(parent.mm(), folio);
      if (!rmap.tryDupAnonPmd(folio, child.mm().id(), pinned)) {
        folios.put(folio, 1);
        tables.free(deposit);
        split(parent, start);
        return -Errno.EAGAIN;
      }
      child.mm().addAnon(pages);
    }
    entry = format.writeProtected(entry);
    pmd.entries[index] = entry;
    if (!child.is(VmFlags.UFFD_WP)) {
      entry = format.uffdWritable(entry);
    }
    tables.setHuge(childPmd, index, format.old(entry), deposit);
    return 0;
  }

  /**
   * Moves a PMD with its deposited table (move_huge_pmd); the new place is none.
   *
   * @param unprotect end write protection by userfaultfd
   */
  void move(MmStruct mm, long from, long to, boolean unprotect) {
    PageTables tables = mm.tables();
    PageTable pmd = tables.pmd(from);
    int index = tables.pmdIndex(from);
    counters.count(Primitive.TABLE_LOCK, 2);
    long entry = pmd.entries[index];
    PageTable deposit = tables.clearHuge(pmd, index);
    entry = unprotect ? format.uffdWritable(entry) : entry;
    tables.setHuge(tables.pmd(to), tables.pmdIndex(to), entry, deposit);
    kernel.flushHuge(mm, from);
  }

  /** Gives a huge page other rights (change_huge_pmd). */
  void changeRights(
      Vma vma,
      PageTable pmd,
      int index,
      long start,
      boolean tryWritable,
      ChangeProtection.Uffd uffd) {
    counters.count(Primitive.TABLE_LOCK);
    counters.count(Primitive.PMD_SET);
    long entry = format.withProtection(pmd.entries[index], 1, vma.entryRights());
    if (uffd == ChangeProtection.Uffd.RESOLVE) {
      entry = format.uffdWritable(entry);
    } else if (uffd == ChangeProtection.Uffd.PROTECT || format.isUffdWriteProtected(entry)) {
      entry = format.uffdWriteProtected(entry);
    }
    if (tryWritable && !format.isWritable(entry) && mayBeWritable(vma, entry)) {
      entry = format.writable(entry);
    }
    pmd.entries[index] = entry;
    kernel.flushHuge(vma.mm(), start);
  }

  /** can_change_pmd_writable. */
  private boolean mayBeWritable(Vma vma, long entry) {
    if (!vma.is(VmFlags.WRITE) || format.isUffdWriteProtected(entry)) {
      return false;
    }
    if (!vma.is(VmFlags.SHARED)) {
      long folio = vma.mm().tables().frame(entry, 1);
      return !kernel.isHugeZero(entry)
          && frames.is(folio, PageFlag.ANON)
          && frames.is(folio, PageFlag.ANON_EXCLUSIVE);
    }
    return format.isDirty(entry);
  }
}
