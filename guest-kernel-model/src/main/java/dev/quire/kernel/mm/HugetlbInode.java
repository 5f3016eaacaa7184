package dev.quire.kernel.mm;

/**
 * A file of hugetlb pages as mm needs it beyond {@link OpenFile}. Offsets count base pages and are
 * those of a huge page's first. Used on the kernel's thread.
 */
public interface HugetlbInode extends OpenFile {
  HugetlbSize hugetlbSize();

  /** Huge pages that are reserved for shared mappings, or allocated. */
  ReservationMap reservations();

  /** The folio cached for a page, no reference taken; or FrameTable.NONE. */
  long folio(long pgoff);

  /** Puts a folio into the cache where there is none (hugetlb_add_to_page_cache). */
  void insert(long folio, long pgoff);

  /** A writable mapping makes a smaller file as large as itself. */
  void growTo(long bytes);
}
