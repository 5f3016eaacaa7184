package dev.quire.kernel.mm;

import dev.quire.kernel.page.FrameTable;
import dev.quire.kernel.page.PageFlag;

/**
 * What is known of mapped hugetlb pages (Linux v6.18 fs/proc/task_mmu.c, pagemap_hugetlb_range;
 * mm/gup.c, follow_page_mask). Used on the kernel's thread.
 */
final class HugetlbReports extends HugetlbPart {
  private final int pageShift;

  HugetlbReports(Kernel kernel, Hugetlb hugetlb) {
    super(kernel, hugetlb);
    this.pageShift = kernel.pageShift();
  }

  /** The entry of the huge page at an address, or 0. */
  long entry(Vma vma, long address) {
    HugetlbSize size = vma.hugetlb().size();
    PageTable table = entries.table(vma.mm().tables(), size, address);
    return entries.get(table, entries.index(size, address), size);
  }

  /** Whether there is a table for the entry of the huge page at an address. */
  boolean hasTable(Vma vma, long address) {
    return entries.table(vma.mm().tables(), vma.hugetlb().size(), address) != null;
  }

  /** The frame of the base page at an address, or NONE if no huge page is mapped there. */
  long frame(Vma vma, long address) {
    long entry = entry(vma, address);
    if (!format.isMapped(entry)) {
      return FrameTable.NONE;
    }
    HugetlbSize size = vma.hugetlb().size();
    return vma.mm().tables().frame(entry, size.level()) + offset(size, address);
  }

  private long offset(HugetlbSize size, long address) {
    return (address & size.bytes() - 1) >>> pageShift;
  }

  /** Where the next huge page begins if the one at an address serves an access, else 0. */
  long follow(Vma vma, long address, boolean write) {
    HugetlbSize size = vma.hugetlb().size();
    PageTable table = entries.table(vma.mm().tables(), size, address);
    int index = entries.index(size, address);
    long entry = entries.get(table, index, size);
    if (!format.isMapped(entry) || write && !format.isWritable(entry)) {
      return 0;
    }
    return size.alignDown(address) + size.bytes();
  }

  /** Reports base pages; of a note only that userfaultfd protects the page is told. */
  void pagemap(Vma vma, long start, long end, PageVisitor visitor) {
    HugetlbSize size = vma.hugetlb().size();
    long at = start;
    while (at < end) {
      long next = Math.min(end, size.alignDown(at) + size.bytes());
      long entry = entry(vma, at);
      boolean mapped = format.isMapped(entry);
      if (mapped || PteNote.isUffdMarker(format, entry)) {
        for (long page = at; page < next; page += 1L << pageShift) {
          visitor.page(page, mapped ? mapped(vma, entry, page) : marker());
        }
      }
      at = next;
    }
  }

  private PageReport mapped(Vma vma, long entry, long address) {
    HugetlbSize size = vma.hugetlb().size();
    long folio = vma.mm().tables().frame(entry, size.level());
    int mappings = frames.entireMapCount(folio);
    return new PageReport(
        PageReport.Kind.HUGETLB,
        true,
        folio + offset(size, address),
        size.order(),
        (int) offset(size, address),
        mappings == 1,
        mappings,
        frames.is(folio, PageFlag.DIRTY),
        size.entries() == 1,
        false,
        false,
        format.isUffdWriteProtected(entry));
  }

  /** Of the bits that pagemap has for what is not present, hugetlb sets no other. */
  private static PageReport marker() {
    return new PageReport(
        PageReport.Kind.MARKER, false, -1, 0, 0, false, 0, false, false, false, false, true);
  }
}
