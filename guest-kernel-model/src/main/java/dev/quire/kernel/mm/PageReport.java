package dev.quire.kernel.mm;

/**
 * What /proc/PID/pagemap, /proc/kpageflags and /proc/kpagecount say of one page of a process.
 *
 * @param present false for a marker or another non-present entry
 * @param pfn of the page itself, in base pages; -1 if not present
 * @param order of the folio
 * @param index of the page in its folio
 * @param exclusive bit 56 of pagemap: mapped once only; under a PMD, that of the first page
 * @param mapCount as in kpagecount; -1 for zero pages
 * @param dirty of the folio or of the entry, as kpageflags reports it
 * @param huge mapped by a PMD
 */
public record PageReport(
    Kind kind,
    boolean present,
    long pfn,
    int order,
    int index,
    boolean exclusive,
    int mapCount,
    boolean dirty,
    boolean huge,
    boolean swap,
    boolean guard,
    boolean uffdWriteProtected) {
  /** What backs the page. */
  public enum Kind {
    ANON,
    FILE,
    ZERO,
    HUGE_ZERO,
    HUGETLB,
    /** A guard or userfaultfd marker. */
    MARKER
  }
}
