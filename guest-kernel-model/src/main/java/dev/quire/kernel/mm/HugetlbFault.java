package dev.quire.kernel.mm;

import dev.quire.kernel.page.FrameTable;
import dev.quire.kernel.page.PageFlag;
import dev.quire.kernel.stat.Primitive;

/**
 * Faults in mappings of hugetlb pages (Linux v6.18 mm/hugetlb.c: hugetlb_fault, hugetlb_no_page,
 * hugetlb_wp). Results are 0 or a {@link VmFault}. Used on the kernel's thread.
 */
final class HugetlbFault extends HugetlbPart {
  private final HugetlbZap zap;

  HugetlbFault(Kernel kernel, Hugetlb hugetlb) {
    super(kernel, hugetlb);
    this.zap = hugetlb.zap;
  }

  int handle(FaultContext fault) {
    Vma vma = fault.vma();
    HugetlbSize size = vma.hugetlb().size();
    PageTable table = entries.makeTable(vma.mm().tables(), size, fault.address());
    if (table == null) {
      return VmFault.OOM;
    }
    long address = size.alignDown(fault.address());
    fault.setAddress(address);
    int index = entries.index(size, address);
    long entry = entries.get(table, index, size);
    if (entry == 0) {
      return noPage(fault, table, index, address, entry);
    }
    if (!format.isMapped(entry)) {
      return PteNote.isPoisoned(format, entry)
          ? VmFault.HWPOISON
          : noPage(fault, table, index, address, entry);
    }
    counters.count(Primitive.TABLE_LOCK);
    if (fault.isWrite() && !format.isWritable(entry)) {
      if (vma.is(VmFlags.UFFD_WP) && format.isUffdWriteProtected(entry)) {
        if (!vma.uffd().has(UffdFeature.WP_ASYNC)) {
          return vma.uffd().fault(fault, VmFlags.UFFD_WP);
        }
        entries.change(table, index, size, format.uffdWritable(entry));
      }
      return write(vma, table, index, address);
    }
    long young = format.young(entry);
    entries.change(table, index, size, fault.isWrite() ? format.dirty(young) : young);
    return 0;
  }

  /** hugetlb_no_page. */
  private int noPage(FaultContext fault, PageTable table, int index, long address, long original) {
    Vma vma = fault.vma();
    HugetlbSize size = vma.hugetlb().size();
    HugetlbInode file = (HugetlbInode) vma.file();
    if (vma.hugetlb().isUnmapped()) {
      return VmFault.SIGBUS;
    }
    long pgoff = vma.pgoff(address);
    long folio = file.folio(pgoff);
    boolean anon = false;
    if (folio == FrameTable.NONE) {
      if (pgoff >>> size.order() >= file.size() >>> size.shift()) {
        return VmFault.SIGBUS;
      }
      if (vma.is(VmFlags.UFFD_MISSING)) {
        return vma.uffd().fault(fault, VmFlags.UFFD_MISSING);
      }
      boolean shared = vma.is(VmFlags.MAYSHARE);
      if (!shared) {
        vma.mm().prepareAnon(vma);
      }
      folio = reservations.allocate(vma, address, false);
      if (folio == FrameTable.NONE) {
        return VmFault.SIGBUS;
      }
      clear(folio);
      if (shared) {
        file.insert(folio, pgoff);
      } else {
        anon = true;
      }
    } else {
      if (vma.is(VmFlags.UFFD_MINOR)) {
        return vma.uffd().fault(fault, VmFlags.UFFD_MINOR);
      }
      folios.get(folio, 1);
    }
    counters.count(Primitive.TABLE_LOCK);
    map(vma, table, index, address, folio, anon, original);
    if (fault.isWrite() && !vma.is(VmFlags.SHARED)) {
      return write(vma, table, index, address);
    }
    return 0;
  }

  /** folio_zero_user. */
  void clear(long folio) {
    int order = frames.order(folio);
    counters.count(Primitive.PAGE_CLEAR_EXTENT, 1L << order);
    kernel.cleared(folio, order);
    frames.set(folio, PageFlag.UPTODATE);
  }

  private void map(
      Vma vma, PageTable table, int index, long address, long folio, boolean anon, long original) {
    HugetlbSize size = vma.hugetlb().size();
    if (anon) {
      rmap.addNewAnon(folio, vma.anonVma(), vma.pgoff(address));
      frames.clear(folio, PageFlag.RESTORE_RESERVE);
    } else {
      rmap.addFile(folio);
    }
    long entry = leaf(vma, folio, vma.is(VmFlags.SHARED));
    if (PteNote.isUffdMarker(format, original)) {
      entry = format.uffdWriteProtected(entry);
    }
    entries.set(vma.mm().tables(), table, index, size, entry);
    vma.mm().addHugetlb(size.pages());
  }

  /** make_huge_pte. */
  private long leaf(Vma vma, long folio, boolean tryWritable) {
    long entry = vma.mm().tables().leaf(folio, vma.hugetlb().size().level(), vma.entryRights());
    return tryWritable && vma.is(VmFlags.WRITE)
        ? format.writable(format.dirty(entry))
        : format.writeProtected(entry);
  }

  /** hugetlb_wp: a write to a page that is mapped read-only. */
  private int write(Vma vma, PageTable table, int index, long address) {
    HugetlbSize size = vma.hugetlb().size();
    long entry = entries.get(table, index, size);
    if (format.isUffdWriteProtected(entry)) {
      return 0;
    }
    if (vma.is(VmFlags.MAYSHARE)) {
      entries.change(table, index, size, format.writable(format.dirty(entry)));
      return 0;
    }
    long old = vma.mm().tables().frame(entry, size.level());
    if (reuse(vma, table, index, old, entry)) {
      return 0;
    }
    boolean fromOwner = vma.hugetlb().owned() != null && frames.is(old, PageFlag.ANON);
    long copy = reservations.allocate(vma, address, fromOwner);
    if (copy == FrameTable.NONE) {
      if (!fromOwner) {
        return VmFault.SIGBUS;
      }
      zap.takeFromOthers(vma, address, old);
      return reuse(vma, table, index, old, entry) ? 0 : VmFault.SIGBUS;
    }
    vma.mm().prepareAnon(vma);
    copy(old, copy);
    vma.mm().invalidateStart(address, size.bytes());
    entries.clear(vma.mm().tables(), table, index, size);
    kernel.flushHugetlb(vma.mm(), address, size);
    rmap.remove(old);
    rmap.addNewAnon(copy, vma.anonVma(), vma.pgoff(address));
    frames.clear(copy, PageFlag.RESTORE_RESERVE);
    entries.set(vma.mm().tables(), table, index, size, leaf(vma, copy, true));
    vma.mm().invalidateEnd(address, size.bytes());
    folios.put(old, 1);
    return 0;
  }

  /** Whether a private copy that nobody else maps becomes writable as it is. */
  private boolean reuse(Vma vma, PageTable table, int index, long folio, long entry) {
    if (frames.entireMapCount(folio) != 1 || !frames.is(folio, PageFlag.ANON)) {
      return false;
    }
    if (!frames.is(folio, PageFlag.ANON_EXCLUSIVE)) {
      frames.setMapping(folio, vma.anonVma(), frames.index(folio));
      frames.set(folio, PageFlag.ANON_EXCLUSIVE);
    }
    if (vma.is(VmFlags.WRITE)) {
      long writable = format.young(format.writable(format.dirty(entry)));
      entries.change(table, index, vma.hugetlb().size(), writable);
    }
    return true;
  }

  /** copy_user_large_folio. */
  private void copy(long from, long to) {
    int nr = frames.pages(from);
    counters.count(Primitive.PAGE_COPY, nr);
    kernel.contents().copied(from, to, nr);
    frames.set(to, PageFlag.UPTODATE);
  }
}
