package dev.quire.kernel.mm;

import dev.quire.kernel.page.FrameTable;
import dev.quire.kernel.page.PageFlag;
import dev.quire.kernel.stat.Primitive;

/**
 * Copies the entries of a mapping of hugetlb pages to a child (Linux v6.18 mm/hugetlb.c,
 * copy_hugetlb_page_range). Used on the kernel's thread.
 */
final class HugetlbFork extends HugetlbPart {
  /** No entry looks so: all bits of a note and of a mapped entry. */
  private static final long NO_MEMORY = -1;

  HugetlbFork(Kernel kernel, Hugetlb hugetlb) {
    super(kernel, hugetlb);
  }

  /**
   * Copies all entries.
   *
   * @return 0, or -ENOMEM with the child in any state
   */
  int copy(Vma child, Vma parent) {
    HugetlbSize size = parent.hugetlb().size();
    for (long at = parent.start(); at < parent.end(); at += size.bytes()) {
      PageTable from = entries.table(parent.mm().tables(), size, at);
      if (from == null) {
        continue;
      }
      PageTable to = entries.makeTable(child.mm().tables(), size, at);
      if (to == null) {
        return -Errno.ENOMEM;
      }
      counters.count(Primitive.TABLE_LOCK, 2);
      int index = entries.index(size, at);
      long entry = entries.get(from, index, size);
      if (entry != 0) {
        long copied =
            format.isMapped(entry)
                ? copyMapped(child, parent, from, index, at, entry)
                : copiedNote(child, entry);
        if (copied == NO_MEMORY) {
          return -Errno.ENOMEM;
        }
        if (copied != 0) {
          entries.set(child.mm().tables(), to, index, size, copied);
        }
      }
    }
    return 0;
  }

  private long copyMapped(
      Vma child, Vma parent, PageTable from, int index, long address, long original) {
    HugetlbSize size = parent.hugetlb().size();
    long entry = original;
    long folio = parent.mm().tables().frame(entry, size.level());
    folios.get(folio, 1);
    if (frames.is(folio, PageFlag.ANON)) {
      boolean pinned = kernel.pinnedPages().needsCow(parent.mm(), folio);
      if (!rmap.tryDupAnon(folio, pinned)) {
        long copied = copyPinned(child, address, folio, entry);
        folios.put(folio, 1);
        return copied;
      }
    } else {
      rmap.addFile(folio);
    }
    if (parent.isCow()) {
      entry = format.writeProtected(entry);
      entries.change(from, index, size, entry);
    }
    child.mm().addHugetlb(size.pages());
    return child.is(VmFlags.UFFD_WP) ? entry : format.uffdWritable(entry);
  }

  /** The child has a folio of its own at once (hugetlb_install_folio). */
  private long copyPinned(Vma child, long address, long folio, long entry) {
    long copy = kernel.hugetlb().reservations.allocate(child, address, false);
    if (copy == FrameTable.NONE) {
      return NO_MEMORY;
    }
    counters.count(Primitive.PAGE_COPY, frames.pages(folio));
    kernel.contents().copied(folio, copy, frames.pages(folio));
    frames.set(copy, PageFlag.UPTODATE);
    rmap.addNewAnon(copy, child.anonVma(), child.pgoff(address));
    frames.clear(copy, PageFlag.RESTORE_RESERVE);
    child.mm().addHugetlb(frames.pages(copy));
    int level = child.hugetlb().size().level();
    long copied = child.mm().tables().leaf(copy, level, child.entryRights());
    copied =
        child.is(VmFlags.WRITE)
            ? format.writable(format.dirty(copied))
            : format.writeProtected(copied);
    boolean protects = child.is(VmFlags.UFFD_WP) && format.isUffdWriteProtected(entry);
    return protects ? format.uffdWriteProtected(copied) : copied;
  }

  /** copy_pte_marker. */
  private long copiedNote(Vma child, long entry) {
    long kept = PteNote.MARKER_POISONED | (child.is(VmFlags.UFFD_WP) ? PteNote.MARKER_UFFD_WP : 0);
    long marker = format.noteValue(entry) & kept;
    return marker == 0 ? 0 : format.note(PteNote.MARKER, marker);
  }
}
