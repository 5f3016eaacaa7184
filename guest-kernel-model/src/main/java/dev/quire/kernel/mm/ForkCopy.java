package dev.quire.kernel.mm;

import dev.quire.kernel.page.FrameTable;
import dev.quire.kernel.page.PageFlag;
import dev.quire.kernel.stat.Primitive;

/**
 * Copies a mapping's page-table entries to a child (Linux v6.18 mm/memory.c, copy_page_range to
 * copy_present_ptes): pages become shared, and read-only in both where writes make copies. Works a
 * table at a time and allocates nothing but tables. Used on the kernel's thread.
 */
final class ForkCopy extends MappingPart {
  /** Mappings whose tables a fault could not fill again (VM_COPY_ON_FORK). */
  private static final long COPY_ON_FORK =
      VmFlags.PFNMAP | VmFlags.MIXEDMAP | VmFlags.UFFD_WP | VmFlags.MAYBE_GUARD;

  private final HugePmd hugePmd;
  private final boolean batches;

  private int anonCopied;
  private int fileCopied;
  private int shmemCopied;

  ForkCopy(Kernel kernel, HugePmd hugePmd) {
    super(kernel);
    this.hugePmd = hugePmd;
    this.batches = kernel.rmap().design().batchesFork();
  }

  /**
   * Copies what must be copied of a mapping.
   *
   * @return 0, or -ENOMEM with the child in any state
   */
  int copy(Vma child, Vma parent) {
    if ((child.flags() & COPY_ON_FORK) == 0 && parent.anonVma() == null) {
      return 0;
    }
    boolean cow = parent.isCow();
    if (cow) {
      parent.mm().invalidateStart(parent.start(), parent.bytes());
    }
    int error =
        parent.isHugetlb() ? kernel.hugetlb().fork.copy(child, parent) : copyTables(child, parent);
    if (cow) {
      parent.mm().invalidateEnd(parent.start(), parent.bytes());
    }
    return error;
  }

  private int copyTables(Vma child, Vma parent) {
    PageTables tables = parent.mm().tables();
    long pmdBytes = kernel.pmdBytes();
    long end = parent.end();
    long at = tables.skipEmpty(parent.start(), end);
    while (at < end) {
      long next = Math.min(end, (at & -pmdBytes) + pmdBytes);
      PageTable pmd = tables.pmd(at);
      int index = tables.pmdIndex(at);
      int error = tables.isHuge(pmd, index) ? hugePmd.copy(child, parent, pmd, index, at) : 0;
      // A huge page that may be pinned was split meanwhile.
      if (tables.isTable(pmd, index)) {
        error = copyTable(child, parent, pmd.below[index], at, next);
      }
      if (error != 0) {
        return error;
      }
      at = tables.skipEmpty(next, end);
    }
    return 0;
  }

  private int copyTable(Vma child, Vma parent, PageTable from, long start, long end) {
    PageTable to = child.mm().tables().makePte(start);
    if (to == null) {
      return -Errno.ENOMEM;
    }
    counters.count(Primitive.TABLE_LOCK, 2);
    anonCopied = 0;
    fileCopied = 0;
    shmemCopied = 0;
    int index = parent.mm().tables().pteIndex(start);
    int limit = index + (int) (end - start >>> kernel.pageShift());
    int error = 0;
    while (index < limit && error == 0) {
      long entry = ptes.get(from, index);
      if (entry == 0) {
        index++;
      } else if (format.isMapped(entry)) {
        int copied = copyPresent(child, parent, from, to, index, entry, limit - index);
        index += Math.max(0, copied);
        error = Math.min(0, copied);
      } else {
        copyNote(child, to, index++, entry);
      }
    }
    settle(child.mm());
    return error;
  }

  private void settle(MmStruct mm) {
    if (anonCopied != 0) {
      mm.addAnon(anonCopied);
    }
    if (fileCopied != 0) {
      mm.addFile(fileCopied, false);
    }
    if (shmemCopied != 0) {
      mm.addFile(shmemCopied, true);
    }
  }

  private void copyNote(Vma child, PageTable to, int index, long entry) {
    if (PteNote.isMarker(format, entry)) {
      long kept = PteNote.MARKER_GUARD | PteNote.MARKER_POISONED;
      kept |= child.is(VmFlags.UFFD_WP) ? PteNote.MARKER_UFFD_WP : 0;
      long marker = format.noteValue(entry) & kept;
      if (marker != 0) {
        ptes.set(to, index, format.note(PteNote.MARKER, marker), 1);
      }
    } else {
      ptes.set(to, index, entry, 1);
    }
  }

  /** copy_present_page: the child has a page of its own at once. Returns 1, or -ENOMEM. */
  private int copyPinned(Vma child, PageTable from, PageTable to, int index, long entry) {
    long copy = kernel.allocateCopy(ptes.frame(entry));
    if (copy == FrameTable.NONE) {
      return -Errno.ENOMEM;
    }
    long address = from.address() + ((long) index << kernel.pageShift());
    rmap.addNewAnon(copy, child.anonVma(), child.pgoff(address), child.mm().id(), true);
    kernel.addAnonToLru(copy, child);
    anonCopied++;
    long copied = format.dirty(child.mm().tables().leaf(copy, 0, child.entryRights()));
    copied = child.is(VmFlags.WRITE) ? format.writable(copied) : copied;
    boolean protects = child.is(VmFlags.UFFD_WP) && format.isUffdWriteProtected(entry);
    ptes.set(to, index, protects ? format.uffdWriteProtected(copied) : copied, 1);
    return 1;
  }

  /** copy_present_ptes: returns how many entries it copied, or -ENOMEM. */
  private int copyPresent(
      Vma child, Vma parent, PageTable from, PageTable to, int index, long original, int max) {
    long entry = original;
    int nr = 1;
    if (!format.isSpecial(entry)) {
      long page = ptes.frame(entry);
      long folio = frames.folioOf(page);
      boolean shared = parent.is(VmFlags.SHARED);
      if (batches && max > 1 && frames.order(folio) > 0) {
        nr = ptes.batch(folio, from, index, max, shared, false);
        entry = ptes.anyWritable() ? format.writable(entry) : entry;
      }
      folios.get(folio, nr);
      int mm = child.mm().id();
      if (frames.is(folio, PageFlag.ANON)) {
        boolean pinned = kernel.pinnedPages().needsCow(parent.mm(), folio);
        if (!rmap.tryDupAnonPtes(folio, page, nr, mm, pinned)) {
          folios.put(folio, nr);
          return nr > 1
              ? copyPresent(child, parent, from, to, index, original, 1)
              : copyPinned(child, from, to, index, original);
        }
        anonCopied += nr;
      } else {
        rmap.dupFilePtes(folio, page, nr, mm);
        if (frames.is(folio, PageFlag.SWAPBACKED)) {
          shmemCopied += nr;
        } else {
          fileCopied += nr;
        }
      }
    }
    if (format.isWritable(entry) && parent.isCow()) {
      ptes.writeProtect(from, index, nr);
      entry = format.writeProtected(entry);
    }
    if (parent.is(VmFlags.SHARED)) {
      entry = format.clean(entry);
    }
    if (!child.is(VmFlags.UFFD_WP)) {
      entry = format.uffdWritable(entry);
    }
    ptes.set(to, index, format.old(entry), nr);
    return nr;
  }
}
