package dev.quire.kernel.mm;

import dev.quire.kernel.page.FrameTable;
import dev.quire.kernel.page.PageFlag;
import dev.quire.kernel.stat.Primitive;
import dev.quire.kernel.stat.VmEvent;

/**
 * MADV_COLLAPSE (Linux v6.18 mm/khugepaged.c, madvise_collapse to collapse_huge_page): copies what
 * a table of base pages maps into one new huge page. Used on the kernel's thread.
 */
final class Collapse extends MappingPart {
  private final FileCollapse fileCollapse;

  Collapse(Kernel kernel) {
    super(kernel);
    this.fileCollapse = new FileCollapse(kernel);
  }

  /** What became of one PMD. */
  private enum Scan {
    DONE(0),
    NO_MEMORY(-Errno.ENOMEM),
    PAGE_COUNT(-Errno.EAGAIN),
    /** Pages are missing, and a userfaultfd is to be asked for them. */
    HOLES(-Errno.EBUSY),
    /** Goes on with the next PMD. */
    SKIPPED(-Errno.EINVAL),
    FAILED(-Errno.EINVAL);

    final int error;

    Scan(int error) {
      this.error = error;
    }
  }

  /** Collapses the whole PMDs of a range of a VMA: 0 if all are huge now, else -errno. */
  int collapse(Vma vma, long start, long end) {
    if (!allowed(vma)) {
      return -Errno.EINVAL;
    }
    folios.lru().drain();
    long pmd = kernel.pmdBytes();
    long first = start + pmd - 1 & -pmd;
    long last = end & -pmd;
    // Within one PMD the count of whole ones is negative, which no number of successes equals.
    int error = first > last ? -Errno.EINVAL : 0;
    for (long at = first; at < last; at += pmd) {
      if (!vma.isAnonymous()) {
        int result = fileCollapse.collapse(vma, at);
        error = result != 0 ? result : error;
        if (result != 0 && result != -Errno.EAGAIN) {
          break;
        }
        continue;
      }
      Scan result = anonymous(vma, at);
      if (result != Scan.DONE) {
        error = result.error;
        if (result == Scan.FAILED || result == Scan.NO_MEMORY || result == Scan.HOLES) {
          break;
        }
      }
    }
    return error;
  }

  /** thp_vma_allowable_order for a forced collapse. */
  private boolean allowed(Vma vma) {
    if (vma.is(VmFlags.NOHUGEPAGE)
        || (vma.flags() & (VmFlags.SPECIAL | VmFlags.HUGETLB)) != 0
        || (vma.isAnonymous() ? vma.anonVma() == null : !vma.ops().collapses(vma))
        || vma.bytes() < kernel.pmdBytes()) {
      return false;
    }
    return kernel.thp().isSuitable(vma, vma.end() - kernel.pmdBytes(), kernel.thp().pmdOrder());
  }

  private Scan anonymous(Vma vma, long start) {
    PageTables tables = vma.mm().tables();
    PageTable pmd = tables.pmd(start);
    if (pmd == null) {
      return Scan.SKIPPED;
    }
    int index = tables.pmdIndex(start);
    if (pmd.entries[index] == 0) {
      return Scan.FAILED;
    }
    if (tables.isHuge(pmd, index)) {
      return Scan.DONE;
    }
    Scan scan = scan(pmd.below[index], vma.isUffdArmed());
    if (scan != Scan.DONE) {
      return scan;
    }
    long folio = allocate();
    if (folio == FrameTable.NONE) {
      return Scan.NO_MEMORY;
    }
    if (hasNotes(pmd.below[index])) {
      // The huge page is there before what is not present would be brought in, which fails.
      folios.put(folio, 1);
      return Scan.FAILED;
    }
    replace(vma, pmd, index, start, folio);
    return Scan.DONE;
  }

  /** hpage_collapse_scan_pmd: whether every page may be moved. */
  private Scan scan(PageTable table, boolean uffd) {
    for (long entry : table.entries) {
      counters.count(Primitive.PTE_READ);
      if (entry == 0 || format.isMapped(entry) && format.isSpecial(entry)) {
        if (uffd) {
          return Scan.HOLES;
        }
        continue;
      }
      if (!format.isMapped(entry)) {
        if (format.isUffdWriteProtected(entry) || PteNote.isUffdMarker(format, entry)) {
          return Scan.SKIPPED;
        }
        continue;
      }
      if (format.isUffdWriteProtected(entry)) {
        return Scan.SKIPPED;
      }
      long folio = frames.folioOf(ptes.frame(entry));
      if (!frames.is(folio, PageFlag.ANON)) {
        return Scan.FAILED;
      }
      if (rmap.mapCount(folio) != frames.refCount(folio)) {
        return Scan.PAGE_COUNT;
      }
    }
    return Scan.DONE;
  }

  private boolean hasNotes(PageTable table) {
    for (long entry : table.entries) {
      if (entry != 0 && !format.isMapped(entry)) {
        return true;
      }
    }
    return false;
  }

  private long allocate() {
    long folio = folios.allocator().allocate(kernel.thp().pmdOrder());
    if (folio == FrameTable.NONE) {
      counters.event(VmEvent.THP_COLLAPSE_ALLOC_FAILED);
      return folio;
    }
    counters.event(VmEvent.THP_COLLAPSE_ALLOC);
    counters.count(Primitive.MEMCG_CHARGE);
    frames.set(folio, PageFlag.UPTODATE);
    return folio;
  }

  private void replace(Vma vma, PageTable pmd, int index, long start, long folio) {
    MmStruct mm = vma.mm();
    PageTables tables = mm.tables();
    mm.invalidateStart(start, kernel.pmdBytes());
    counters.count(Primitive.TABLE_LOCK, 2);
    PageTable table = tables.unlink(pmd, index);
    kernel.flushHuge(mm, start);
    int filled = 0;
    int i = 0;
    while (i < table.entries.length) {
      long entry = table.entries[i];
      if (entry == 0 || format.isSpecial(entry)) {
        filled++;
        kernel.cleared(folio + i, 0);
        counters.count(Primitive.PAGE_CLEAR_EXTENT);
        table.entries[i++] = 0;
      } else {
        i += copyOut(mm, table, i, folio + i);
      }
    }
    mm.addAnon(filled);
    long leaf = tables.leaf(folio, 1, vma.entryRights());
    leaf = vma.is(VmFlags.WRITE) ? format.writable(format.dirty(leaf)) : leaf;
    rmap.addNewAnon(folio, vma.anonVma(), vma.pgoff(start), mm.id(), true);
    kernel.addAnonToLru(folio, vma);
    tables.setHuge(pmd, index, leaf, table);
    if (rmap.design().queuesNewHugeFolios()) {
      folios.deferred().add(folio, false);
    }
    mm.invalidateEnd(start, kernel.pmdBytes());
  }

  /** Copies a run of pages of one folio and lets go of them: returns its length. */
  private int copyOut(MmStruct mm, PageTable table, int index, long to) {
    long page = ptes.frame(table.entries[index]);
    long folio = frames.folioOf(page);
    int nr = ptes.batch(folio, table, index, table.entries.length - index, false, false);
    counters.count(Primitive.PAGE_COPY, nr);
    kernel.contents().copied(page, to, nr);
    ptes.clear(table, index, nr);
    rmap.removePtes(folio, page, nr, mm.id());
    counters.count(Primitive.SWAPCACHE_CHECK);
    folios.put(folio, nr);
    return nr;
  }
}
