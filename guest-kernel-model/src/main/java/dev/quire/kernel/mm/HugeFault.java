package dev.quire.kernel.mm;

import dev.quire.kernel.page.FrameTable;
import dev.quire.kernel.page.PageFlag;
import dev.quire.kernel.stat.MthpStat;
import dev.quire.kernel.stat.Primitive;
import dev.quire.kernel.stat.VmEvent;

/**
 * Faults of private anonymous memory that concern a whole PMD (Linux v6.18 mm/huge_memory.c,
 * do_huge_pmd_anonymous_page and do_huge_pmd_wp_page). Results are 0 or a {@link VmFault}; {@link
 * VmFault#FALLBACK} sends the fault to the PTEs. Used on the kernel's thread.
 */
final class HugeFault extends MappingPart {
  private final ThpPolicy thp;
  private final HugePmd hugePmd;

  HugeFault(Kernel kernel, HugePmd hugePmd) {
    super(kernel);
    this.thp = kernel.thp();
    this.hugePmd = hugePmd;
  }

  /** The PMD is none. */
  int anonymous(FaultContext fault) {
    Vma vma = fault.vma();
    if (!thp.isSuitable(vma, fault.address(), thp.pmdOrder())) {
      return VmFault.FALLBACK;
    }
    vma.mm().prepareAnon(vma);
    return !fault.isWrite() && thp.useZeroPage() ? mapZero(fault) : mapNew(fault);
  }

  private int mapZero(FaultContext fault) {
    PageTables tables = fault.tables();
    PageTable deposit = tables.makePte();
    if (deposit == null) {
      return VmFault.OOM;
    }
    long zero = kernel.hugeZero().get(fault.mm());
    if (zero == FrameTable.NONE) {
      tables.free(deposit);
      counters.event(VmEvent.THP_FAULT_FALLBACK);
      return VmFault.FALLBACK;
    }
    counters.count(Primitive.TABLE_LOCK);
    if (fault.vma().is(VmFlags.UFFD_MISSING)) {
      tables.free(deposit);
      return fault.vma().uffd().fault(fault, VmFlags.UFFD_MISSING);
    }
    long entry = format.special(tables.leaf(zero, 1, fault.vma().entryRights()));
    tables.setHuge(fault.pmd(), fault.pmdIndex(), entry, deposit);
    return 0;
  }

  private int mapNew(FaultContext fault) {
    long folio = allocate();
    if (folio == FrameTable.NONE) {
      return VmFault.FALLBACK;
    }
    PageTable deposit = fault.tables().makePte();
    if (deposit == null) {
      folios.put(folio, 1);
      return VmFault.OOM;
    }
    counters.count(Primitive.TABLE_LOCK);
    if (fault.vma().is(VmFlags.UFFD_MISSING)) {
      // Linux too asks only now, and gives the huge page back.
      folios.put(folio, 1);
      fault.tables().free(deposit);
      return fault.vma().uffd().fault(fault, VmFlags.UFFD_MISSING);
    }
    map(fault, folio, deposit);
    return 0;
  }

  /** vma_alloc_anon_folio_pmd. */
  private long allocate() {
    int order = thp.pmdOrder();
    long folio = kernel.allocateUser(order);
    if (folio == FrameTable.NONE) {
      counters.event(VmEvent.THP_FAULT_FALLBACK);
      counters.mthp(order, MthpStat.ANON_FAULT_FALLBACK, 1);
    }
    return folio;
  }

  /** map_anon_folio_pmd_pf. */
  private void map(FaultContext fault, long folio, PageTable deposit) {
    Vma vma = fault.vma();
    PageTables tables = fault.tables();
    long entry = tables.leaf(folio, 1, vma.entryRights());
    entry = vma.is(VmFlags.WRITE) ? format.writable(format.dirty(entry)) : entry;
    long address = fault.address() & -kernel.pmdBytes();
    rmap.addNewAnon(folio, vma.anonVma(), vma.pgoff(address), vma.mm().id(), true);
    kernel.addAnonToLru(folio, vma);
    tables.setHuge(fault.pmd(), fault.pmdIndex(), entry, deposit);
    vma.mm().addAnon(1L << thp.pmdOrder());
    counters.event(VmEvent.THP_FAULT_ALLOC);
    counters.mthp(thp.pmdOrder(), MthpStat.ANON_FAULT_ALLOC, 1);
    if (rmap.design().queuesNewHugeFolios()) {
      folios.deferred().add(folio, false);
    }
  }

  /** A write to a read-only PMD. */
  int write(FaultContext fault) {
    long entry = fault.pmd().entries[fault.pmdIndex()];
    Vma vma = fault.vma();
    if (kernel.isHugeZero(entry)) {
      return writeZero(fault);
    }
    counters.count(Primitive.TABLE_LOCK);
    long folio = fault.tables().frame(entry, 1);
    if (!frames.is(folio, PageFlag.ANON_EXCLUSIVE)) {
      if (frames.refCount(folio) != 1) {
        hugePmd.split(vma, fault.address());
        return VmFault.FALLBACK;
      }
      rmap.moveAnon(folio, vma.anonVma());
      frames.set(folio, PageFlag.ANON_EXCLUSIVE);
    }
    long reused = format.dirty(format.young(entry));
    counters.count(Primitive.PMD_SET);
    fault.pmd().entries[fault.pmdIndex()] =
        vma.is(VmFlags.WRITE) ? format.writable(reused) : reused;
    return 0;
  }

  private int writeZero(FaultContext fault) {
    long folio = allocate();
    if (folio == FrameTable.NONE) {
      hugePmd.split(fault.vma(), fault.address());
      return VmFault.FALLBACK;
    }
    MmStruct mm = fault.mm();
    long address = fault.address() & -kernel.pmdBytes();
    mm.invalidateStart(address, kernel.pmdBytes());
    counters.count(Primitive.TABLE_LOCK);
    PageTable deposit = fault.tables().clearHuge(fault.pmd(), fault.pmdIndex());
    kernel.flushHuge(mm, address);
    map(fault, folio, deposit);
    mm.invalidateEnd(address, kernel.pmdBytes());
    return 0;
  }
}
