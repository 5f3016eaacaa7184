package dev.quire.kernel.filemap;

/**
 * The readahead window of an open file (struct file_ra_state), in base pages. Plain state of {@link
 * Readahead}.
 */
final class ReadaheadState {
  /** First page of the window read last. */
  long start;

  long size;

  /** A window of this size at its end is read ahead of need: its first page has the marker. */
  long asyncSize;

  /** Order of the folios that the window was read in. */
  int order;

  /** Misses of mappings less hits: with more than 100 reading around stops. */
  int mmapMiss;

  /** Page of the position behind the last byte read; -1 before the first read. */
  long previousPage = -1;
}
