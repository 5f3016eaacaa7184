package dev.quire.kernel.mm;

import dev.quire.kernel.page.FrameTable;
import dev.quire.kernel.page.PageFlag;
import dev.quire.kernel.stat.Primitive;
import dev.quire.kernel.stat.VmEvent;

/**
 * A write to a page that is mapped read-only (Linux v6.18 mm/memory.c, do_wp_page): the page is
 * made writable where it is the process's own, else the process gets a copy. Copies are base pages;
 * under {@link AnonFaultAlgorithm#SERIES_V1_FULL} {@link LargeCow} is asked first. Used on the
 * kernel's thread.
 */
final class CowFault extends MappingPart {
  private final LargeCow largeCow;

  /**
   * @param largeCow null if copies are base pages only
   */
  CowFault(Kernel kernel, LargeCow largeCow) {
    super(kernel);
    this.largeCow = largeCow;
  }

  int handle(FaultContext fault, PageTable table) {
    long entry = fault.originalPte();
    Vma vma = fault.vma();
    if (vma.is(VmFlags.UFFD_WP) && format.isUffdWriteProtected(entry)) {
      if (!vma.uffd().has(UffdFeature.WP_ASYNC)) {
        return vma.uffd().fault(fault, VmFlags.UFFD_WP);
      }
      entry = format.uffdWritable(entry);
      ptes.replace(table, fault.tables().pteIndex(fault.address()), entry);
      fault.setOriginalPte(entry);
    }
    if (format.isSpecial(entry)) {
      return copy(fault, table, FrameTable.NONE);
    }
    long page = ptes.frame(entry);
    if (vma.is(VmFlags.SHARED)) {
      return shared(fault, table, page);
    }
    long folio = frames.folioOf(page);
    if (frames.is(folio, PageFlag.ANON)
        && (frames.is(page, PageFlag.ANON_EXCLUSIVE) || canReuse(folio, vma))) {
      frames.set(page, PageFlag.ANON_EXCLUSIVE);
      reuse(fault, table);
      return 0;
    }
    return copy(fault, table, page);
  }

  private int shared(FaultContext fault, PageTable table, long page) {
    VmOps ops = fault.vma().ops();
    if (ops != null && ops.tracksWrites()) {
      int result = ops.pageMkwrite(fault, page);
      if (result != 0) {
        return result;
      }
    }
    reuse(fault, table);
    frames.set(frames.folioOf(page), PageFlag.DIRTY);
    return 0;
  }

  private void reuse(FaultContext fault, PageTable table) {
    long entry = format.dirty(format.young(fault.originalPte()));
    if (fault.vma().is(VmFlags.WRITE)) {
      entry = format.writable(entry);
    }
    ptes.setAccess(table, fault.tables().pteIndex(fault.address()), entry);
    counters.event(VmEvent.PGREUSE);
  }

  /**
   * wp_can_reuse_anon_folio: all references are mappings of this process. Before large folios knew
   * who maps them, only those with a single reference were reused.
   */
  private boolean canReuse(long folio, Vma vma) {
    if (frames.order(folio) > 0 && rmap.design().tracksOwners()) {
      int mappings = frames.largeMapCount(folio);
      return mappings > 1 && !rmap.maybeMappedShared(folio) && mappings == frames.refCount(folio);
    }
    if (frames.refCount(folio) > 3) {
      return false;
    }
    if (!frames.is(folio, PageFlag.LRU)) {
      folios.lru().drain();
    }
    if (frames.refCount(folio) != 1) {
      return false;
    }
    rmap.moveAnon(folio, vma.anonVma());
    return true;
  }

  /** wp_page_copy; {@code page} NONE stands for the zero page. */
  private int copy(FaultContext fault, PageTable table, long page) {
    Vma vma = fault.vma();
    MmStruct mm = vma.mm();
    mm.prepareAnon(vma);
    boolean zero = page == FrameTable.NONE;
    if (largeCow != null && largeCow.tryCopy(fault, table, page)) {
      return 0;
    }
    long copy = zero ? kernel.allocateUser(0) : kernel.allocateCopy(page);
    if (copy == FrameTable.NONE) {
      return VmFault.OOM;
    }
    long old = zero ? FrameTable.NONE : frames.folioOf(page);
    if (!zero) {
      folios.get(old, 1);
    }
    mm.invalidateStart(fault.address(), kernel.pageBytes());
    counters.count(Primitive.TABLE_LOCK);
    if (zero) {
      mm.addAnon(1);
    } else if (!frames.is(old, PageFlag.ANON)) {
      mm.addFile(-1, frames.is(old, PageFlag.SWAPBACKED));
      mm.addAnon(1);
    }
    long entry = fault.tables().leaf(copy, 0, vma.entryRights());
    if (vma.is(VmFlags.WRITE)) {
      entry = format.writable(format.dirty(entry));
    }
    int index = fault.tables().pteIndex(fault.address());
    ptes.clear(table, index);
    kernel.flushPage(mm, fault.address());
    rmap.addNewAnon(copy, vma.anonVma(), fault.vma().pgoff(fault.address()), mm.id(), true);
    kernel.addAnonToLru(copy, vma);
    ptes.set(table, index, entry, 1);
    if (!zero) {
      rmap.removePtes(old, page, 1, mm.id());
    }
    mm.invalidateEnd(fault.address(), kernel.pageBytes());
    if (!zero) {
      folios.put(old, 1);
      counters.count(Primitive.SWAPCACHE_CHECK);
      folios.put(old, 1);
    }
    return 0;
  }
}
