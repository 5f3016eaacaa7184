package dev.quire.kernel.mm;

import dev.quire.kernel.page.Folios;
import dev.quire.kernel.page.FrameTable;
import dev.quire.kernel.page.PageFlag;
import dev.quire.kernel.rmap.HugetlbRmap;
import dev.quire.kernel.stat.KernelCounters;
import dev.quire.kernel.stat.Primitive;
import dev.quire.mmu.KernelPteFormat;

/**
 * Copies the entries of a mapping of hugetlb pages to a child (Linux v6.18 mm/hugetlb.c,
 * copy_hugetlb_page_range). Used on the kernel's thread.
 */
final class HugetlbFork {
  private final KernelPteFormat format;
  private final KernelCounters counters;
  private final FrameTable frames;
  private final Folios folios;
  private final HugetlbRmap rmap;
  private final HugetlbEntries entries;

  HugetlbFork(Kernel kernel, HugetlbRmap rmap, HugetlbEntries entries) {
    this.format = kernel.format();
    this.counters = kernel.counters();
    this.frames = kernel.frames();
    this.folios = kernel.folios();
    this.rmap = rmap;
    this.entries = entries;
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
                ? copyMapped(child, parent, from, index, entry)
                : copiedNote(child, entry);
        if (copied != 0) {
          entries.set(child.mm().tables(), to, index, size, copied);
        }
      }
    }
    return 0;
  }

  private long copyMapped(Vma child, Vma parent, PageTable from, int index, long original) {
    HugetlbSize size = parent.hugetlb().size();
    long entry = original;
    long folio = parent.mm().tables().frame(entry, size.level());
    folios.get(folio, 1);
    if (frames.is(folio, PageFlag.ANON)) {
      rmap.tryDupAnon(folio, false);
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

  /** copy_pte_marker. */
  private long copiedNote(Vma child, long entry) {
    long kept = PteNote.MARKER_POISONED | (child.is(VmFlags.UFFD_WP) ? PteNote.MARKER_UFFD_WP : 0);
    long marker = format.noteValue(entry) & kept;
    return marker == 0 ? 0 : format.note(PteNote.MARKER, marker);
  }
}
