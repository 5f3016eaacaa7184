package dev.quire.kernel.mm;

import dev.quire.kernel.page.FrameTable;
import dev.quire.kernel.page.PageFlag;
import dev.quire.kernel.stat.Primitive;
import dev.quire.kernel.stat.VmEvent;

/**
 * First touches of file mappings (Linux v6.18 mm/memory.c, do_fault to set_pte_range): asks the
 * file for the page, and maps it; shared, read-only, or as a private copy. Used on the kernel's
 * thread.
 */
final class FileFault extends MappingPart {
  /** fault_around_bytes. */
  private static final long FAULT_AROUND_BYTES = 65536;

  private final int aroundPages;

  FileFault(Kernel kernel) {
    super(kernel);
    this.aroundPages = (int) Math.max(1, FAULT_AROUND_BYTES >>> kernel.pageShift());
  }

  int handle(FaultContext fault) {
    if (!fault.isWrite()) {
      return read(fault);
    }
    return fault.vma().is(VmFlags.SHARED) ? sharedWrite(fault) : privateWrite(fault);
  }

  private int read(FaultContext fault) {
    // should_fault_around
    boolean single = (fault.vma().flags() & (VmFlags.UFFD_WP | VmFlags.UFFD_MINOR)) != 0;
    if (!single && fault.vma().ops().faultsAround() && aroundPages > 1) {
      around(fault);
      if (isMapped(fault)) {
        return 0;
      }
    }
    long page = ask(fault);
    return page < 0 ? (int) page : finish(fault, page);
  }

  /** __do_fault: the file's page, or a {@link VmFault}. */
  private long ask(FaultContext fault) {
    Vma vma = fault.vma();
    boolean armed = (vma.flags() & (VmFlags.UFFD_MISSING | VmFlags.UFFD_MINOR)) != 0;
    if (armed && kernel.config().profile().asksUserfaultfdFirst()) {
      long page = vma.uffdOps().cachedPage(fault.pgoff());
      if (page >= 0) {
        folios.put(frames.folioOf(page), 1);
      }
      long reason = page >= 0 ? VmFlags.UFFD_MINOR : VmFlags.UFFD_MISSING;
      if (vma.is(reason)) {
        return vma.uffd().fault(fault, reason);
      }
    }
    return vma.ops().fault(fault);
  }

  private boolean isMapped(FaultContext fault) {
    PageTables tables = fault.tables();
    if (tables.isHuge(fault.pmd(), fault.pmdIndex())) {
      return true;
    }
    PageTable table = tables.pte(fault.address());
    return table != null && table.entries[tables.pteIndex(fault.address())] != fault.originalPte();
  }

  /** do_fault_around: the aligned window round the fault, within the VMA and the table. */
  private void around(FaultContext fault) {
    Vma vma = fault.vma();
    long pteOffset = fault.tables().pteIndex(fault.address());
    long vmaOffset = fault.pgoff() - vma.pgoff();
    long vmaPages = vma.bytes() >>> kernel.pageShift();
    long perTable = kernel.format().hardware().entries(0);
    long from = Math.max(pteOffset & -aroundPages, pteOffset - Math.min(pteOffset, vmaOffset));
    long to =
        Math.min(Math.min(from + aroundPages, perTable), pteOffset + vmaPages - vmaOffset) - 1;
    vma.ops().mapPages(fault, fault.pgoff() + from - pteOffset, fault.pgoff() + to - pteOffset);
  }

  private int sharedWrite(FaultContext fault) {
    VmOps ops = fault.vma().ops();
    long page = ask(fault);
    if (page < 0) {
      return (int) page;
    }
    long folio = frames.folioOf(page);
    if (ops.tracksWrites()) {
      int result = ops.pageMkwrite(fault, page);
      if (result != 0) {
        folios.put(folio, 1);
        return result;
      }
    }
    int result = finish(fault, page);
    if (result == 0) {
      frames.set(folio, PageFlag.DIRTY);
    }
    return result;
  }

  private int privateWrite(FaultContext fault) {
    Vma vma = fault.vma();
    vma.mm().prepareAnon(vma);
    long page = ask(fault);
    if (page < 0) {
      return (int) page;
    }
    long copy = kernel.allocateCopy(page);
    folios.put(frames.folioOf(page), 1);
    if (copy == FrameTable.NONE) {
      return VmFault.OOM;
    }
    PageTables tables = fault.tables();
    PageTable table = tables.makePte(fault.address());
    if (table == null) {
      folios.put(copy, 1);
      return VmFault.OOM;
    }
    counters.count(Primitive.TABLE_LOCK);
    long entry = tables.leaf(copy, 0, vma.entryRights());
    entry = vma.is(VmFlags.WRITE) ? format.writable(format.dirty(entry)) : entry;
    entry = fault.isUffdWriteProtected() ? format.uffdWriteProtected(entry) : entry;
    rmap.addNewAnon(copy, vma.anonVma(), fault.pgoff(), vma.mm().id(), true);
    kernel.addAnonToLru(copy, vma);
    ptes.set(table, tables.pteIndex(fault.address()), entry, 1);
    vma.mm().addAnon(1);
    return 0;
  }

  /** finish_fault: maps the page, or what else of its folio may be mapped with it. */
  private int finish(FaultContext fault, long page) {
    Vma vma = fault.vma();
    PageTables tables = fault.tables();
    long folio = frames.folioOf(page);
    boolean shmem = vma.ops().isShmem();
    long fileEnd = vma.file().size() + kernel.pageBytes() - 1 >>> kernel.pageShift();
    boolean single = !shmem && fileEnd < frames.index(folio) + frames.pages(folio);
    if (fault.pmd().entries[fault.pmdIndex()] == 0 && !single && setPmd(fault, folio)) {
      return 0;
    }
    PageTable table = tables.makePte(fault.address());
    if (table == null) {
      folios.put(folio, 1);
      return VmFault.OOM;
    }
    counters.count(Primitive.TABLE_LOCK);
    int index = tables.pteIndex(fault.address());
    int before = (int) (page - folio);
    int nr = frames.pages(folio);
    if (nr > 1
        && !single
        && fitsTable(fault, index, before, nr)
        && ptes.rangeNone(table, index - before, nr)) {
      folios.get(folio, nr - 1);
      setRange(fault, table, index - before, folio, folio, nr);
      return 0;
    }
    if (table.entries[index] != fault.originalPte()) {
      folios.put(folio, 1);
      return VmFault.NOPAGE;
    }
    setRange(fault, table, index, folio, page, 1);
    return 0;
  }

  private boolean fitsTable(FaultContext fault, int index, int before, int nr) {
    Vma vma = fault.vma();
    long vmaOffset = fault.pgoff() - vma.pgoff();
    return (vma.flags() & VmFlags.UFFD) == 0
        && vmaOffset >= before
        && vmaOffset + nr - before <= vma.bytes() >>> kernel.pageShift()
        && index >= before
        && index + nr - before <= kernel.format().hardware().entries(0);
  }

  /** set_pte_range; references are taken already. */
  private void setRange(
      FaultContext fault, PageTable table, int index, long folio, long page, int nr) {
    Vma vma = fault.vma();
    long entry = fault.tables().leaf(page, 0, vma.entryRights());
    if (fault.isWrite()) {
      entry = format.dirty(entry);
      entry = vma.is(VmFlags.WRITE) ? format.writable(entry) : entry;
    } else if (format.isWritable(entry) && frames.is(folio, PageFlag.DIRTY)) {
      entry = format.dirty(entry);
    }
    entry = fault.isUffdWriteProtected() ? format.uffdWriteProtected(entry) : entry;
    rmap.addFilePtes(folio, page, nr, vma.mm().id());
    ptes.set(table, index, entry, nr);
    vma.mm().addFile(nr, frames.is(folio, PageFlag.SWAPBACKED));
    if (Mlock.locks(vma)) {
      kernel.mlock().lock(folio);
    }
  }

  /** {@link FaultContext#mapRange}. */
  int mapRange(FaultContext fault, long folio, long firstPfn, long firstPgoff, int pages) {
    Vma vma = fault.vma();
    PageTables tables = fault.tables();
    PageTable table = tables.makePte(fault.address());
    if (table == null) {
      return 0;
    }
    if (fault.locksForAround()) {
      counters.count(Primitive.TABLE_LOCK);
    }
    int index = tables.pteIndex(vma.address(firstPgoff));
    int mapped = 0;
    int at = 0;
    while (at < pages) {
      int run = 0;
      while (at + run < pages && table.entries[index + at + run] == 0) {
        run++;
      }
      if (run > 0) {
        folios.get(folio, run);
        setRange(fault, table, index + at, folio, firstPfn + at, run);
        mapped += run;
      }
      at += run + 1;
    }
    return mapped;
  }

  /** {@link FaultContext#mapPmd}. */
  boolean mapPmd(FaultContext fault, long folio) {
    if (fault.pmd().entries[fault.pmdIndex()] != 0) {
      return false;
    }
    folios.get(folio, 1);
    if (setPmd(fault, folio)) {
      return true;
    }
    folios.put(folio, 1);
    return false;
  }

  /** do_set_pmd: uses up one reference if it maps the folio. */
  private boolean setPmd(FaultContext fault, long folio) {
    Vma vma = fault.vma();
    int pmdOrder = kernel.config().pmdOrder();
    if (frames.order(folio) != pmdOrder
        || vma.is(VmFlags.NOHUGEPAGE)
        || !kernel.thp().isSuitable(vma, fault.address(), pmdOrder)) {
      return false;
    }
    counters.count(Primitive.TABLE_LOCK);
    PageTables tables = fault.tables();
    long entry = tables.leaf(folio, 1, vma.entryRights());
    if (fault.isWrite()) {
      entry = format.dirty(entry);
      entry = vma.is(VmFlags.WRITE) ? format.writable(entry) : entry;
    }
    vma.mm().addFile(1L << pmdOrder, frames.is(folio, PageFlag.SWAPBACKED));
    rmap.addFilePmd(folio, vma.mm().id());
    tables.setHuge(fault.pmd(), fault.pmdIndex(), entry, null);
    counters.event(VmEvent.THP_FILE_MAPPED);
    return true;
  }
}
