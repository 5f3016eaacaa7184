package dev.quire.kernel.filemap;

import dev.quire.kernel.mm.ThpSettings;

/**
 * How files behave in one kernel. Orders and counts are in base pages.
 *
 * @param pageShift bytes of a base page are 1 shifted left by this
 * @param pmdOrder of a folio that one PMD maps
 * @param readaheadPages the device's read_ahead_kb
 * @param executableOrder of the folios that executable text is read ahead in (exec_folio_order); 0
 *     for no preference
 * @param thp for shmem
 */
public record FileSettings(
    int pageShift, int pmdOrder, int readaheadPages, int executableOrder, ThpSettings thp) {

  /** Largest folio of a page cache (MAX_PAGECACHE_ORDER). */
  public int maxFolioOrder() {
    return Math.min(pmdOrder, XArray.MAX_ORDER);
  }

  /** Pages that cover {@code bytes}. */
  long pagesUp(long bytes) {
    return (bytes >>> pageShift) + ((bytes & (1L << pageShift) - 1) != 0 ? 1 : 0);
  }
}
