package dev.quire.kernel.mm;

import dev.quire.kernel.page.FrameTable;
import dev.quire.kernel.stat.MthpStat;
import dev.quire.kernel.stat.Primitive;

/**
 * The first touch of private anonymous memory below the size of a PMD (Linux v6.18 mm/memory.c,
 * do_anonymous_page): the zero page for a read, a folio of {@link AnonOrders}' size for a write.
 * Used on the kernel's thread.
 */
final class AnonFault extends MappingPart {
  private final AnonOrders orders;

  AnonFault(Kernel kernel, AnonOrders orders) {
    super(kernel);
    this.orders = orders;
  }

  int handle(FaultContext fault) {
    Vma vma = fault.vma();
    if (vma.is(VmFlags.SHARED)) {
      return VmFault.SIGBUS;
    }
    PageTables tables = fault.tables();
    PageTable table = tables.makePte(fault.address());
    if (table == null) {
      return VmFault.OOM;
    }
    if (!fault.isWrite()) {
      counters.count(Primitive.TABLE_LOCK);
      if (vma.is(VmFlags.UFFD_MISSING)) {
        return vma.uffd().fault(fault, VmFlags.UFFD_MISSING);
      }
      long zero = format.special(tables.leaf(kernel.zeroPage(), 0, vma.entryRights()));
      zero = fault.isUffdWriteProtected() ? format.uffdWriteProtected(zero) : zero;
      ptes.replace(table, tables.pteIndex(fault.address()), zero);
      return 0;
    }
    vma.mm().prepareAnon(vma);
    long folio = allocate(fault, table);
    if (folio == FrameTable.NONE) {
      return VmFault.OOM;
    }
    if (vma.is(VmFlags.UFFD_MISSING)) {
      // Linux too asks only now, and gives the page back.
      counters.count(Primitive.TABLE_LOCK);
      folios.put(folio, 1);
      return vma.uffd().fault(fault, VmFlags.UFFD_MISSING);
    }
    map(fault, table, folio);
    return 0;
  }

  /** A cleared folio of the largest size that suits and can be had (alloc_anon_folio). */
  private long allocate(FaultContext fault, PageTable table) {
    int left = orders.candidates(fault, table);
    while (left != 0) {
      int order = ThpPolicy.highest(left);
      long folio = kernel.allocateUser(order);
      if (folio != FrameTable.NONE) {
        return folio;
      }
      counters.mthp(order, MthpStat.ANON_FAULT_FALLBACK, 1);
      left &= ~(1 << order);
    }
    return kernel.allocateUser(0);
  }

  private void map(FaultContext fault, PageTable table, long folio) {
    Vma vma = fault.vma();
    PageTables tables = fault.tables();
    int order = kernel.frames().order(folio);
    int nr = 1 << order;
    long address = fault.address() & -1L << order + kernel.pageShift();
    long entry = tables.leaf(folio, 0, vma.entryRights());
    if (vma.is(VmFlags.WRITE)) {
      entry = format.writable(format.dirty(entry));
    }
    entry = fault.isUffdWriteProtected() ? format.uffdWriteProtected(entry) : entry;
    counters.count(Primitive.TABLE_LOCK);
    int index = tables.pteIndex(address);
    if (nr > 1) {
      folios.get(folio, nr - 1);
      counters.mthp(order, MthpStat.ANON_FAULT_ALLOC, 1);
    }
    vma.mm().addAnon(nr);
    rmap.addNewAnon(folio, vma.anonVma(), vma.pgoff(address), vma.mm().id(), true);
    kernel.addAnonToLru(folio, vma);
    ptes.set(table, index, entry, nr);
  }
}
