package dev.quire.kernel.mm;

import dev.quire.kernel.page.FrameTable;
import dev.quire.kernel.page.PageFlag;
import dev.quire.kernel.stat.MthpStat;
import dev.quire.kernel.stat.Primitive;

/**
 * Copy-on-write and writes over the zero page in large folios, as the earlier rounds of the series
 * had them (R. Roberts, RFC v2, 20230414130303.2345383; left out of v1 as posted). A copy takes the
 * largest order whose block holds consecutive read-only pages of one folio; a write over the zero
 * page the largest whose block holds nothing but none entries and zero pages. Used on the kernel's
 * thread.
 */
final class LargeCow extends MappingPart {
  private static final int SMALLEST = 2;

  private final ThpPolicy thp;
  private final AnonOrders orders;

  LargeCow(Kernel kernel, AnonOrders orders) {
    super(kernel);
    this.thp = kernel.thp();
    this.orders = orders;
  }

  /**
   * Copies a block round the fault.
   *
   * @param page what the fault hit; NONE for the zero page
   * @return false if no block suits or none can be had: a base page then
   */
  boolean tryCopy(FaultContext fault, PageTable table, long page) {
    Vma vma = fault.vma();
    int index = fault.tables().pteIndex(fault.address());
    for (int order = orders.v1Max(vma); order >= SMALLEST; order--) {
      int start = index & -1 << order;
      if (!thp.isSuitable(vma, fault.address(), order)
          || !(page == FrameTable.NONE
              ? isEmpty(table, start, 1 << order)
              : isRun(table, start, 1 << order, page - (index - start)))) {
        continue;
      }
      long folio =
          page == FrameTable.NONE
              ? kernel.allocateUser(order)
              : kernel.allocateCopies(page - (index - start), order);
      if (folio != FrameTable.NONE) {
        replace(fault, table, start, folio, page == FrameTable.NONE ? page : page - index + start);
        return true;
      }
      counters.mthp(order, MthpStat.ANON_FAULT_FALLBACK, 1);
    }
    return false;
  }

  private boolean isEmpty(PageTable table, int start, int nr) {
    for (int i = start; i < start + nr; i++) {
      long entry = ptes.get(table, i);
      if (entry != 0 && !(format.isMapped(entry) && format.isSpecial(entry))) {
        return false;
      }
    }
    return true;
  }

  private boolean isRun(PageTable table, int start, int nr, long firstPage) {
    long folio = firstPage < 0 ? FrameTable.NONE : frames.folioOf(firstPage);
    if (folio == FrameTable.NONE || firstPage + nr > folio + frames.pages(folio)) {
      return false;
    }
    for (int i = 0; i < nr; i++) {
      long entry = ptes.get(table, start + i);
      if (!format.isMapped(entry)
          || format.isSpecial(entry)
          || format.isWritable(entry)
          || ptes.frame(entry) != firstPage + i
          || frames.is(firstPage + i, PageFlag.ANON_EXCLUSIVE)) {
        return false;
      }
    }
    return true;
  }

  private void replace(FaultContext fault, PageTable table, int start, long folio, long oldPage) {
    Vma vma = fault.vma();
    MmStruct mm = vma.mm();
    int order = frames.order(folio);
    int nr = 1 << order;
    long address = fault.address() & -1L << order + kernel.pageShift();
    long bytes = (long) nr << kernel.pageShift();
    long old = oldPage == FrameTable.NONE ? oldPage : frames.folioOf(oldPage);
    mm.invalidateStart(address, bytes);
    counters.count(Primitive.TABLE_LOCK);
    ptes.clear(table, start, nr);
    kernel.flushRange(mm, address, address + bytes);
    if (old == FrameTable.NONE || !frames.is(old, PageFlag.ANON)) {
      mm.addAnon(nr);
    }
    if (old != FrameTable.NONE && !frames.is(old, PageFlag.ANON)) {
      mm.addFile(-nr, frames.is(old, PageFlag.SWAPBACKED));
    }
    folios.get(folio, nr - 1);
    counters.mthp(order, MthpStat.ANON_FAULT_ALLOC, 1);
    rmap.addNewAnon(folio, vma.anonVma(), vma.pgoff(address), mm.id(), true);
    kernel.addAnonToLru(folio, vma);
    long entry = fault.tables().leaf(folio, 0, vma.entryRights());
    ptes.set(
        table, start, vma.is(VmFlags.WRITE) ? format.writable(format.dirty(entry)) : entry, nr);
    mm.invalidateEnd(address, bytes);
    if (old != FrameTable.NONE) {
      rmap.removePtes(old, oldPage, nr, mm.id());
      counters.count(Primitive.SWAPCACHE_CHECK);
      folios.put(old, nr);
    }
  }
}
