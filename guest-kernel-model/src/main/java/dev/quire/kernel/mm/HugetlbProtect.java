package dev.quire.kernel.mm;

import dev.quire.kernel.mm.ChangeProtection.Uffd;
import dev.quire.kernel.stat.Primitive;

/**
 * Brings entries of hugetlb pages to the rights of their VMA, and write-protects them for
 * userfaultfd (Linux v6.18 mm/hugetlb.c, hugetlb_change_protection). Private pages become writable
 * by their next fault. Used on the kernel's thread.
 */
final class HugetlbProtect extends HugetlbPart {

  HugetlbProtect(Kernel kernel, Hugetlb hugetlb) {
    super(kernel, hugetlb);
  }

  /**
   * Changes whole huge pages of a VMA, whose flags are the new ones already.
   *
   * @return base pages changed, or -ENOMEM if there is no table for a marker
   */
  long change(Vma vma, long start, long end, Uffd uffd) {
    MmStruct mm = vma.mm();
    HugetlbSize size = vma.hugetlb().size();
    long pages = 0;
    boolean failed = false;
    mm.invalidateStart(start, end - start);
    for (long at = start; at < end && !failed; at += size.bytes()) {
      PageTable table = entries.table(mm.tables(), size, at);
      if (table == null && uffd == Uffd.PROTECT) {
        table = entries.makeTable(mm.tables(), size, at);
        failed = table == null;
      }
      if (table != null) {
        counters.count(Primitive.TABLE_LOCK);
        pages += changeOne(vma, table, at, uffd) ? size.pages() : 0;
      }
    }
    if (pages != 0) {
      kernel.flushRange(mm, start, end);
    }
    mm.invalidateEnd(start, end - start);
    return failed ? -Errno.ENOMEM : pages;
  }

  private boolean changeOne(Vma vma, PageTable table, long address, Uffd uffd) {
    HugetlbSize size = vma.hugetlb().size();
    PageTables tables = vma.mm().tables();
    int index = entries.index(size, address);
    long entry = entries.get(table, index, size);
    if (!format.isMapped(entry)) {
      if (entry == 0 && uffd == Uffd.PROTECT) {
        long marker = format.note(PteNote.MARKER, PteNote.MARKER_UFFD_WP);
        entries.set(tables, table, index, size, marker);
      } else if (uffd == Uffd.RESOLVE && PteNote.isUffdMarker(format, entry)) {
        entries.clear(tables, table, index, size);
      }
      return false;
    }
    boolean stays = uffd == Uffd.KEEP && format.isUffdWriteProtected(entry);
    long changed = format.withProtection(entry, size.level(), vma.entryRights());
    if (stays || uffd == Uffd.PROTECT) {
      changed = format.uffdWriteProtected(changed);
    } else if (uffd == Uffd.RESOLVE) {
      changed = format.uffdWritable(changed);
    }
    entries.change(table, index, size, changed);
    return true;
  }
}
