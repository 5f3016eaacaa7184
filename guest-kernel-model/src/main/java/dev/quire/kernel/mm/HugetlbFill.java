package dev.quire.kernel.mm;

import dev.quire.kernel.mm.UffdMemory.Fill;
import dev.quire.kernel.page.FrameTable;
import dev.quire.kernel.page.PageFlag;
import dev.quire.kernel.stat.Primitive;

/**
 * UFFDIO_COPY, CONTINUE and POISON of one hugetlb page (Linux v6.18 mm/userfaultfd.c,
 * mfill_atomic_hugetlb; mm/hugetlb.c, hugetlb_mfill_atomic_pte). Used on the kernel's thread.
 */
final class HugetlbFill extends HugetlbPart {

  HugetlbFill(Kernel kernel, Hugetlb hugetlb) {
    super(kernel, hugetlb);
  }

  /** Fills a new folio with what a copy reads. */
  interface Source {
    /**
     * @return 0, -errno, or {@link Process#BLOCKED}
     */
    long copyTo(long folio);
  }

  /** Why a range cannot be filled at all: 0 or -errno. There is no huge zero page of all sizes. */
  static long rangeError(Vma vma, Fill kind, long start, long bytes) {
    HugetlbSize size = vma.hugetlb().size();
    return kind == Fill.ZEROPAGE || !size.isAligned(start | bytes) ? -Errno.EINVAL : 0;
  }

  /**
   * Fills the page at an address.
   *
   * @param source of a copy; else null
   * @param protect write-protect it too
   * @return 0, -errno, or {@link Process#BLOCKED}
   */
  long fill(Vma vma, Fill kind, long address, Source source, boolean protect) {
    HugetlbSize size = vma.hugetlb().size();
    PageTables tables = vma.mm().tables();
    PageTable table = entries.makeTable(tables, size, address);
    if (table == null) {
      return -Errno.ENOMEM;
    }
    int index = entries.index(size, address);
    counters.count(Primitive.TABLE_LOCK);
    long entry = entries.get(table, index, size);
    boolean free = entry == 0 || PteNote.isMarker(format, entry);
    if (kind == Fill.POISON) {
      if (entry != 0) {
        return -Errno.EEXIST;
      }
      entries.set(tables, table, index, size, PteNote.poisoned(format));
      return 0;
    }
    if (kind == Fill.CONTINUE) {
      return map(vma, table, index, address, free, protect);
    }
    return free ? copy(vma, table, index, address, source, protect) : -Errno.EEXIST;
  }

  /** MFILL_ATOMIC_CONTINUE: a page of the file, of which a private mapping sees no write. */
  private long map(
      Vma vma, PageTable table, int index, long address, boolean free, boolean protect) {
    long folio = ((HugetlbInode) vma.file()).folio(vma.pgoff(address));
    if (folio == FrameTable.NONE) {
      return -Errno.EFAULT;
    }
    if (!free) {
      return -Errno.EEXIST;
    }
    folios.get(folio, 1);
    rmap.addFile(folio);
    install(vma, table, index, folio, vma.is(VmFlags.SHARED), protect);
    return 0;
  }

  private long copy(
      Vma vma, PageTable table, int index, long address, Source source, boolean protect) {
    HugetlbInode file = (HugetlbInode) vma.file();
    long pgoff = vma.pgoff(address);
    boolean shared = vma.is(VmFlags.SHARED);
    if (shared && file.folio(pgoff) != FrameTable.NONE) {
      return -Errno.EEXIST;
    }
    long folio = reservations.allocate(vma, address, false);
    if (folio == FrameTable.NONE) {
      // Since there is a table Linux thinks that somebody else was quicker.
      return -Errno.EEXIST;
    }
    long error = source.copyTo(folio);
    frames.set(folio, PageFlag.UPTODATE);
    if (error == 0 && shared && pgoff >>> size(vma).order() >= file.size() >>> size(vma).shift()) {
      error = -Errno.EFAULT;
    }
    if (error != 0) {
      reservations.restore(vma, address, folio);
      folios.put(folio, 1);
      return error;
    }
    if (shared) {
      file.insert(folio, pgoff);
      rmap.addFile(folio);
    } else {
      rmap.addNewAnon(folio, vma.anonVma(), pgoff);
      frames.clear(folio, PageFlag.RESTORE_RESERVE);
    }
    install(vma, table, index, folio, true, protect);
    return 0;
  }

  private static HugetlbSize size(Vma vma) {
    return vma.hugetlb().size();
  }

  private void install(
      Vma vma, PageTable table, int index, long folio, boolean tryWritable, boolean protect) {
    PageTables tables = vma.mm().tables();
    long entry = format.dirty(tables.leaf(folio, size(vma).level(), vma.entryRights()));
    boolean writable = tryWritable && !protect && vma.is(VmFlags.WRITE);
    entry = writable ? format.writable(entry) : format.writeProtected(entry);
    entry = protect ? format.uffdWriteProtected(entry) : entry;
    entries.set(tables, table, index, size(vma), entry);
    vma.mm().addHugetlb(size(vma).pages());
  }
}
