package dev.quire.kernel.mm;

import dev.quire.kernel.gather.MmuGather;
import dev.quire.kernel.page.PageFlag;
import dev.quire.kernel.stat.Primitive;

/**
 * Takes pages out of a process's tables (Linux v6.18 mm/memory.c, unmap_page_range to
 * zap_present_ptes). Works a table at a time and allocates nothing. Used on the kernel's thread.
 */
final class ZapRange extends MappingPart {
  private final HugePmd hugePmd;
  private final boolean batches;

  private MmuGather gather;
  private boolean dropsMarkers;
  private boolean sparesPrivate;
  private boolean reclaimsTables;

  /** Of the table being zapped: pages taken out by kind, and what is to be done about it. */
  private int anonZapped;

  private int fileZapped;
  private int shmemZapped;
  private boolean dirtyDelayed;
  private boolean full;

  ZapRange(Kernel kernel, HugePmd hugePmd) {
    super(kernel);
    this.hugePmd = hugePmd;
    this.batches = kernel.config().gather().batchesZap();
  }

  /**
   * Zaps a range of one VMA by itself (zap_page_range_single), with its own gather.
   *
   * @param privateToo private copies of file pages too; anonymous memory always goes. Of hugetlb
   *     pages private copies always go, and this is what truncation says: markers too
   */
  void zapSingle(Vma vma, long start, long end, boolean privateToo) {
    MmStruct mm = vma.mm();
    MmuGather own = kernel.gather();
    own.start(mm.id(), false);
    mm.invalidateStart(start, end - start);
    reclaimsTables = false;
    if (vma.isHugetlb()) {
      kernel.hugetlb().zap.zap(own, vma, start, end, privateToo);
    } else {
      zap(own, vma, start, end, false, !privateToo);
    }
    mm.invalidateEnd(start, end - start);
    own.finish();
  }

  /** MADV_DONTNEED: {@link #zapSingle}, and tables that become empty go on x86-64 (PT_RECLAIM). */
  void discard(Vma vma, long start, long end) {
    MmStruct mm = vma.mm();
    MmuGather own = kernel.gather();
    own.start(mm.id(), false);
    mm.invalidateStart(start, end - start);
    reclaimsTables = kernel.config().architecture() == HostArchitecture.X86_64;
    zap(own, vma, start, end, false, false);
    mm.invalidateEnd(start, end - start);
    own.finish();
  }

  /** Zaps a range of a VMA that is going away: markers too. */
  void zapUnmapped(MmuGather into, Vma vma, long start, long end) {
    reclaimsTables = false;
    zap(into, vma, start, end, true, false);
  }

  private void zap(
      MmuGather into, Vma vma, long start, long end, boolean markersToo, boolean sparePrivate) {
    if (vma.isHugetlb()) {
      kernel.hugetlb().zap.zap(into, vma, start, end, markersToo);
      return;
    }
    gather = into;
    dropsMarkers = markersToo;
    sparesPrivate = sparePrivate;
    PageTables tables = vma.mm().tables();
    long pmdBytes = kernel.pmdBytes();
    long at = tables.skipEmpty(start, end);
    while (at < end) {
      long next = Math.min(end, (at & -pmdBytes) + pmdBytes);
      PageTable pmd = tables.pmd(at);
      int index = tables.pmdIndex(at);
      if (pmd.entries[index] != 0) {
        zapPmd(vma, pmd, index, at, next);
      }
      at = tables.skipEmpty(next, end);
    }
  }

  private void zapPmd(Vma vma, PageTable pmd, int index, long start, long end) {
    PageTables tables = vma.mm().tables();
    if (tables.isHuge(pmd, index)) {
      if (end - start == kernel.pmdBytes()) {
        if (hugePmd.zap(gather, vma, pmd, index, start)) {
          gather.flush();
        }
        return;
      }
      hugePmd.split(vma, start);
      if (pmd.entries[index] == 0) {
        return;
      }
    }
    PageTable table = pmd.below[index];
    zapTable(vma, table, start, end);
    if (reclaimsTables && end - start == kernel.pmdBytes() && isEmpty(table)) {
      tables.unlink(pmd, index);
      tables.forgetTable();
      gather.addTable(table.frame, start, kernel.pmdBytes(), 0);
    }
  }

  private static boolean isEmpty(PageTable table) {
    for (long entry : table.entries) {
      if (entry != 0) {
        return false;
      }
    }
    return true;
  }

  private void zapTable(Vma vma, PageTable table, long start, long end) {
    PageTables tables = vma.mm().tables();
    int shift = kernel.pageShift();
    int index = tables.pteIndex(start);
    int limit = index + (int) (end - start >>> shift);
    long base = start - ((long) index << shift);
    while (index < limit) {
      counters.count(Primitive.TABLE_LOCK);
      anonZapped = 0;
      fileZapped = 0;
      shmemZapped = 0;
      dirtyDelayed = false;
      full = false;
      while (index < limit && !full) {
        long entry = ptes.get(table, index);
        if (entry == 0) {
          index++;
        } else if (format.isMapped(entry)) {
          long address = base + ((long) index << shift);
          index += zapPresent(vma, table, index, entry, limit - index, address);
        } else {
          zapNote(vma, table, index++, entry);
        }
      }
      settle(vma.mm());
    }
  }

  private void settle(MmStruct mm) {
    if (anonZapped != 0) {
      mm.addAnon(-anonZapped);
    }
    if (fileZapped != 0) {
      mm.addFile(-fileZapped, false);
    }
    if (shmemZapped != 0) {
      mm.addFile(-shmemZapped, true);
    }
    boolean force = dirtyDelayed || full;
    if (force) {
      gather.flushTlb();
    }
    gather.flushRmaps();
    if (force) {
      gather.flush();
    }
  }

  /** zap_nonpresent_ptes: ordinary zapping leaves guards, and write protection of file pages. */
  private void zapNote(Vma vma, PageTable table, int index, long entry) {
    boolean guard = PteNote.isGuard(format, entry);
    boolean poison = PteNote.isPoisoned(format, entry);
    boolean stays =
        PteNote.isMarker(format, entry)
            && (guard || poison && sparesPrivate || !poison && !vma.isAnonymous());
    if (dropsMarkers || !stays) {
      ptes.clear(table, index);
    }
  }

  /** zap_present_ptes: returns how many entries it dealt with. */
  private int zapPresent(Vma vma, PageTable table, int index, long entry, int max, long address) {
    if (format.isSpecial(entry)) {
      ptes.clear(table, index);
      gather.cleared(address, kernel.pageBytes(), 0);
      keepProtection(vma, table, index, entry, 1);
      return 1;
    }
    long page = ptes.frame(entry);
    long folio = frames.folioOf(page);
    boolean anon = frames.is(folio, PageFlag.ANON);
    if (anon && sparesPrivate) {
      return 1;
    }
    int nr = 1;
    if (batches && max > 1 && frames.order(folio) > 0) {
      nr = ptes.batch(folio, table, index, max, false, false);
    }
    boolean dirty = false;
    if (anon) {
      anonZapped += nr;
    } else {
      dirty = zapFile(vma, folio, entry, nr);
    }
    ptes.clear(table, index, nr);
    gather.cleared(address, (long) nr << kernel.pageShift(), 0);
    keepProtection(vma, table, index, entry, nr);
    boolean delay = gather.delaysRmap(dirty);
    dirtyDelayed |= dirty;
    if (!delay) {
      rmap.removePtes(folio, page, nr, vma.mm().id());
    }
    kernel.mlock().leave(vma, folio);
    full = gather.add(page, nr, delay);
    return nr;
  }

  /** zap_install_uffd_wp_if_needed: pages of files may come back, and are still protected then. */
  private void keepProtection(Vma vma, PageTable table, int index, long entry, int nr) {
    if (dropsMarkers
        || vma.isAnonymous()
        || !vma.is(VmFlags.UFFD_WP)
        || !format.isUffdWriteProtected(entry)) {
      return;
    }
    long marker = PteNote.uffdWriteProtected(format);
    for (int i = 0; i < nr; i++) {
      ptes.set(table, index + i, marker, 1);
    }
  }

  private boolean zapFile(Vma vma, long folio, long entry, int nr) {
    boolean dirty = nr > 1 ? ptes.anyDirty() : format.isDirty(entry);
    boolean young = nr > 1 ? ptes.anyYoung() : format.isYoung(entry);
    if (dirty) {
      frames.set(folio, PageFlag.DIRTY);
    }
    if (young && (vma.flags() & (VmFlags.SEQ_READ | VmFlags.RAND_READ)) == 0) {
      folios.lru().markAccessed(folio);
    }
    if (frames.is(folio, PageFlag.SWAPBACKED)) {
      shmemZapped += nr;
    } else {
      fileZapped += nr;
    }
    return dirty;
  }
}
