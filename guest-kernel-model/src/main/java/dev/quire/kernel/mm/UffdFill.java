package dev.quire.kernel.mm;

import dev.quire.kernel.mm.FaultHandler.Cause;
import dev.quire.kernel.mm.UffdMemory.Fill;
import dev.quire.kernel.page.FrameTable;
import dev.quire.kernel.page.PageFlag;
import dev.quire.kernel.stat.Primitive;

/**
 * UFFDIO_COPY, ZEROPAGE, CONTINUE and POISON, a base page after the other (Linux v6.18
 * mm/userfaultfd.c, mfill_atomic; mm/shmem.c, shmem_mfill_atomic_pte). Results are bytes done, or
 * -errno if none. Used on the kernel's thread.
 */
final class UffdFill extends MappingPart {
  private final UserAccess userAccess;

  /** How far the last call got: what counts where it was blocked. */
  private long filled;

  UffdFill(Kernel kernel, UserAccess userAccess) {
    super(kernel);
    this.userAccess = userAccess;
  }

  /** Bytes that the last {@link #fill} did. */
  long filled() {
    return filled;
  }

  /**
   * Fills a range.
   *
   * @param caller whose memory {@code source} is an address of; null if it is not modelled
   * @param protect write-protect the pages too
   * @return bytes or -errno; {@link Process#BLOCKED} if reading the source waits for user space
   */
  long fill(
      MmStruct mm,
      Process caller,
      Fill kind,
      long start,
      long source,
      long bytes,
      boolean protect) {
    filled = 0;
    Vma vma = mm.vmas().find(start);
    if (vma == null) {
      return -Errno.ENOENT;
    }
    if (!vma.is(VmFlags.SHARED)) {
      mm.prepareAnon(vma);
    }
    if (start + bytes > vma.end() || vma.uffd() == null) {
      return -Errno.ENOENT;
    }
    UffdFileOps ops = vma.uffdOps();
    if (protect && !vma.is(VmFlags.UFFD_WP)) {
      return -Errno.EINVAL;
    }
    if (vma.isHugetlb()) {
      return fillHugetlb(vma, caller, kind, start, source, bytes, protect);
    }
    if (ops == null && (kind == Fill.CONTINUE || !vma.isAnonymous())) {
      return -Errno.EINVAL;
    }
    long error = 0;
    while (filled < bytes && error == 0) {
      error = fillPage(vma, ops, caller, kind, start + filled, source + filled, protect);
      filled += error == 0 ? kernel.pageBytes() : 0;
    }
    return error == Process.BLOCKED || filled == 0 ? error : filled;
  }

  /** mfill_atomic_hugetlb. */
  private long fillHugetlb(
      Vma vma, Process caller, Fill kind, long start, long source, long bytes, boolean protect) {
    long error = HugetlbFill.rangeError(vma, kind, start, bytes);
    while (filled < bytes && error == 0) {
      long from = source + filled;
      error =
          kernel
              .hugetlb()
              .fill
              .fill(vma, kind, start + filled, folio -> copyAll(caller, from, folio), protect);
      filled += error == 0 ? vma.hugetlb().size().bytes() : 0;
    }
    return error == Process.BLOCKED || filled == 0 ? error : filled;
  }

  /** copy_folio_from_user. */
  private long copyAll(Process caller, long source, long folio) {
    int nr = frames.pages(folio);
    counters.count(Primitive.USER_COPY, nr);
    long error = 0;
    for (int i = 0; i < nr && error == 0; i++) {
      error = copyFrom(caller, source + ((long) i << kernel.pageShift()), folio + i);
    }
    return error;
  }

  private long fillPage(
      Vma vma,
      UffdFileOps ops,
      Process caller,
      Fill kind,
      long address,
      long source,
      boolean protect) {
    PageTables tables = vma.mm().tables();
    PageTable pmd = tables.makePmd(address);
    if (pmd == null) {
      return -Errno.ENOMEM;
    }
    if (tables.isHuge(pmd, tables.pmdIndex(address))) {
      return -Errno.EEXIST;
    }
    PageTable table = tables.makePte(address);
    if (table == null) {
      return -Errno.ENOMEM;
    }
    return switch (kind) {
      case CONTINUE -> continuePage(vma, ops, table, address, protect);
      case POISON -> setSpecial(vma, table, address, PteNote.poisoned(format));
      case ZEROPAGE -> zeroPage(vma, ops, table, address);
      case COPY -> copyPage(vma, ops, caller, table, address, source, protect);
    };
  }

  /** mfill_atomic_pte_continue. */
  private long continuePage(
      Vma vma, UffdFileOps ops, PageTable table, long address, boolean protect) {
    long page = ops.cachedPage(vma.pgoff(address));
    if (page < 0) {
      return page == -Errno.ENOENT ? -Errno.EFAULT : page;
    }
    long error = install(vma, table, address, page, true, protect);
    if (error != 0) {
      folios.put(frames.folioOf(page), 1);
    }
    return error;
  }

  private long zeroPage(Vma vma, UffdFileOps ops, PageTable table, long address) {
    if (!vma.is(VmFlags.SHARED)) {
      PageTables tables = vma.mm().tables();
      long zero = format.special(tables.leaf(kernel.zeroPage(), 0, vma.entryRights()));
      return setSpecial(vma, table, address, zero);
    }
    long page = folios.allocator().allocate(0);
    if (page == FrameTable.NONE) {
      return -Errno.ENOMEM;
    }
    counters.count(Primitive.PAGE_CLEAR);
    kernel.cleared(page, 0);
    return addToFile(vma, ops, table, address, page, false);
  }

  /** An entry without a page of its own, where nothing at all is (mfill_atomic_pte_zeropage). */
  private long setSpecial(Vma vma, PageTable table, long address, long entry) {
    counters.count(Primitive.TABLE_LOCK);
    if (isBehindFile(vma, address)) {
      return -Errno.EFAULT;
    }
    int index = vma.mm().tables().pteIndex(address);
    if (ptes.get(table, index) != 0) {
      return -Errno.EEXIST;
    }
    ptes.set(table, index, entry, 1);
    return 0;
  }

  /** mfill_file_over_size. */
  private boolean isBehindFile(Vma vma, long address) {
    return vma.file() != null
        && vma.pgoff(address) >= vma.file().size() + kernel.pageBytes() - 1 >>> kernel.pageShift();
  }

  private long copyPage(
      Vma vma,
      UffdFileOps ops,
      Process caller,
      PageTable table,
      long address,
      long source,
      boolean protect) {
    long page = folios.allocator().allocate(0);
    if (page == FrameTable.NONE) {
      return -Errno.ENOMEM;
    }
    long error = copyFrom(caller, source, page);
    if (error != 0) {
      folios.put(page, 1);
      return error;
    }
    counters.count(Primitive.USER_COPY);
    if (vma.is(VmFlags.SHARED)) {
      return addToFile(vma, ops, table, address, page, protect);
    }
    counters.count(Primitive.MEMCG_CHARGE);
    frames.set(page, PageFlag.UPTODATE);
    error = install(vma, table, address, page, false, protect);
    if (error != 0) {
      folios.put(page, 1);
    }
    return error;
  }

  /** copy_from_user of a page, which may begin anywhere in one. */
  private long copyFrom(Process caller, long source, long page) {
    if (caller == null) {
      frames.set(page, PageFlag.NONZERO);
      kernel.contents().fromUser(page, 0, kernel.pageBytes(), source);
      return 0;
    }
    long offset = source & kernel.pageBytes() - 1;
    long error = reach(caller, source);
    if (error != 0) {
      return error;
    }
    long first = userAccess.reached();
    if (offset == 0) {
      kernel.contents().copied(first, page, 1);
      return 0;
    }
    error = reach(caller, source + kernel.pageBytes() - offset);
    if (error == 0) {
      kernel.contents().copiedUnaligned(first, userAccess.reached(), (int) offset, page);
    }
    return error;
  }

  private long reach(Process caller, long source) {
    int signal = userAccess.reach(caller, source, false, Cause.KERNEL);
    if (signal == UserSignal.NONE) {
      return 0;
    }
    return signal == UserSignal.BLOCKED ? Process.BLOCKED : -Errno.EFAULT;
  }

  /** shmem_mfill_atomic_pte, once the page is filled; the page is given away. */
  private long addToFile(
      Vma vma, UffdFileOps ops, PageTable table, long address, long page, boolean protect) {
    frames.set(page, PageFlag.UPTODATE);
    long error = isBehindFile(vma, address) ? -Errno.EFAULT : ops.add(vma.pgoff(address), page);
    if (error == 0) {
      error = install(vma, table, address, page, true, protect);
      if (error != 0) {
        ops.remove(page);
      }
    }
    if (error != 0) {
      folios.put(page, 1);
    }
    return error;
  }

  /** mfill_atomic_install_pte: the reference to the page becomes the entry's. */
  private long install(
      Vma vma, PageTable table, long address, long page, boolean cached, boolean protect) {
    MmStruct mm = vma.mm();
    counters.count(Primitive.TABLE_LOCK);
    if (isBehindFile(vma, address)) {
      return -Errno.EFAULT;
    }
    int index = mm.tables().pteIndex(address);
    long there = ptes.get(table, index);
    if (there != 0 && !PteNote.isMarker(format, there)) {
      return -Errno.EEXIST;
    }
    long entry = format.dirty(mm.tables().leaf(page, 0, vma.entryRights()));
    boolean writable = vma.is(VmFlags.WRITE) && (!cached || vma.is(VmFlags.SHARED));
    entry = writable ? format.writable(entry) : entry;
    entry = protect ? format.uffdWriteProtected(entry) : entry;
    long folio = frames.folioOf(page);
    if (cached) {
      rmap.addFilePtes(folio, page, 1, mm.id());
      mm.addFile(1, frames.is(folio, PageFlag.SWAPBACKED));
      if (Mlock.locks(vma)) {
        kernel.mlock().lock(folio);
      }
    } else {
      rmap.addNewAnon(folio, vma.anonVma(), vma.pgoff(address), mm.id(), true);
      kernel.addAnonToLru(folio, vma);
      mm.addAnon(1);
    }
    ptes.replace(table, index, entry);
    return 0;
  }
}
