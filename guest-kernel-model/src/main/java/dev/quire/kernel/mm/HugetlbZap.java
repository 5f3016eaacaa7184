package dev.quire.kernel.mm;

import dev.quire.kernel.gather.MmuGather;
import dev.quire.kernel.page.PageFlag;
import dev.quire.kernel.stat.Primitive;

/**
 * Takes hugetlb pages out of a process's tables (Linux v6.18 mm/hugetlb.c, __unmap_hugepage_range).
 * Page tables are never shared between processes here. Used on the kernel's thread.
 */
final class HugetlbZap extends HugetlbPart {

  HugetlbZap(Kernel kernel, Hugetlb hugetlb) {
    super(kernel, hugetlb);
  }

  /**
   * Zaps whole huge pages of one VMA.
   *
   * @param markersToo write protection by userfaultfd is forgotten (ZAP_FLAG_DROP_MARKER)
   */
  void zap(MmuGather gather, Vma vma, long start, long end, boolean markersToo) {
    HugetlbSize size = vma.hugetlb().size();
    PageTables tables = vma.mm().tables();
    for (long at = start; at < end; at += size.bytes()) {
      PageTable table = entries.table(tables, size, at);
      if (table != null) {
        counters.count(Primitive.TABLE_LOCK);
        zapOne(gather, vma, table, at, markersToo);
      }
    }
  }

  private void zapOne(
      MmuGather gather, Vma vma, PageTable table, long address, boolean markersToo) {
    HugetlbSize size = vma.hugetlb().size();
    PageTables tables = vma.mm().tables();
    int index = entries.index(size, address);
    long entry = entries.get(table, index, size);
    if (entry == 0) {
      return;
    }
    boolean protectedByUffd =
        format.isUffdWriteProtected(entry) || PteNote.isUffdMarker(format, entry);
    long left =
        protectedByUffd && !markersToo ? format.note(PteNote.MARKER, PteNote.MARKER_UFFD_WP) : 0;
    entries.clear(tables, table, index, size);
    if (left != 0) {
      entries.set(tables, table, index, size, left);
    }
    if (!format.isMapped(entry)) {
      return;
    }
    gather.cleared(address, size.bytes(), size.level());
    long folio = tables.frame(entry, size.level());
    if (format.isDirty(entry)) {
      frames.set(folio, PageFlag.DIRTY);
    }
    vma.mm().addHugetlb(-size.pages());
    rmap.remove(folio);
    reservations.releaseUsed(vma, address, folio);
    if (gather.add(folio, 1, false)) {
      gather.flush();
    }
  }

  /**
   * The owner of a private page has no memory for its copy: whoever shares the page with it loses
   * it, and is told when it asks again (unmap_ref_private).
   */
  void takeFromOthers(Vma owner, long address, long folio) {
    FileMappings mappings = owner.file().mappings();
    long pgoff = owner.pgoff(address);
    for (int i = 0; i < mappings.size(); i++) {
      Vma vma = mappings.get(i);
      long at = vma.address(pgoff);
      if (vma != owner
          && at >= vma.start()
          && at < vma.end()
          && !vma.is(VmFlags.MAYSHARE)
          && vma.hugetlb().owned() == null
          && maps(vma, at, folio)) {
        vma.hugetlb().setUnmapped();
        unmap(vma, at, at + vma.hugetlb().size().bytes(), false);
      }
    }
  }

  private boolean maps(Vma vma, long address, long folio) {
    HugetlbSize size = vma.hugetlb().size();
    PageTables tables = vma.mm().tables();
    PageTable table = entries.table(tables, size, address);
    long entry = entries.get(table, entries.index(size, address), size);
    return format.isMapped(entry) && tables.frame(entry, size.level()) == folio;
  }

  /** Zaps a range of one VMA by itself (unmap_hugepage_range). */
  void unmap(Vma vma, long start, long end, boolean markersToo) {
    MmStruct mm = vma.mm();
    MmuGather own = kernel.gather();
    own.start(mm.id(), false);
    mm.invalidateStart(start, end - start);
    zap(own, vma, start, end, markersToo);
    mm.invalidateEnd(start, end - start);
    own.finish();
  }
}
