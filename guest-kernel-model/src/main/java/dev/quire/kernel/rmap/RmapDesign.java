package dev.quire.kernel.rmap;

/**
 * How Linux kept its map counts over the years: each design is one step of the interface, and
 * decides which atomics a call costs and when a folio is queued for a deferred split. The map
 * counts themselves are the same under every design.
 *
 * <p>Sources: "mm/rmap: interface overhaul" v2 (D. Hildenbrand, 20 December 2023, Linux 6.8);
 * 20240122194200.381241-1-david (fork batching, 6.9); "mm: track mapcount of large folios in single
 * value" and "mm/rmap: do not add fully unmapped large folio to deferred split list" (6.10);
 * "mm/rmap: minimize folio->_nr_pages_mapped updates" (6.12); "mm: MM owner tracking for large
 * folios" (6.15); mm/rmap.c of Linux v6.18.
 */
public enum RmapDesign {
  /** Linux 6.7: one call a page, with a flag for a PMD; the folio is looked up from the page. */
  COMPOUND_FLAG(false, false, NrMapped.PER_PAGE, LargeCount.NONE),
  /** Linux 6.8: calls of a level on folio and page; adding after a PMD split is one call. */
  LEVELS(true, false, NrMapped.PER_PAGE, LargeCount.NONE),
  /** Linux 6.9: fork, and zap where the gather can take runs, call once a run of PTEs. */
  LEVELS_BATCHED(true, true, NrMapped.PER_PAGE, LargeCount.NONE),
  /** During 6.10: all mappings of a large folio in one number besides. */
  TOTAL_MAPCOUNT(true, true, NrMapped.PER_PAGE, LargeCount.ATOMIC),
  /** Linux 6.10 and 6.11: besides, wholly unmapped folios are not queued. */
  PARTLY_MAPPED_QUEUE(true, true, NrMapped.PER_PAGE_QUEUE_PARTLY, LargeCount.ATOMIC),
  /** Linux 6.12: besides, one update of _nr_pages_mapped a call. */
  MINIMIZED_NR_MAPPED(true, true, NrMapped.PER_CALL, LargeCount.ATOMIC),
  /** Linux 6.15 to 6.18: the number is guarded by a lock, with the processes that map the folio. */
  MM_IDS(true, true, NrMapped.PER_CALL, LargeCount.OWNERS);

  private enum NrMapped {
    PER_PAGE,
    PER_PAGE_QUEUE_PARTLY,
    PER_CALL
  }

  private enum LargeCount {
    NONE,
    ATOMIC,
    OWNERS
  }

  private final boolean ranged;
  private final boolean forkBatched;
  private final NrMapped nrMapped;
  private final LargeCount largeCount;

  RmapDesign(boolean ranged, boolean forkBatched, NrMapped nrMapped, LargeCount largeCount) {
    this.ranged = ranged;
    this.forkBatched = forkBatched;
    this.nrMapped = nrMapped;
    this.largeCount = largeCount;
  }

  /** Whether fork looks for runs of PTEs of one folio and duplicates each with one call. */
  public boolean batchesFork() {
    return forkBatched;
  }

  /** Whether a call takes a run of pages of a folio that its caller knows. */
  boolean ranged() {
    return ranged;
  }

  /** Whether _nr_pages_mapped is updated once a call, not once a page. */
  boolean minimizesNrPagesMapped() {
    return nrMapped == NrMapped.PER_CALL;
  }

  /** Whether a large folio that a call unmaps entirely stays off the deferred split queue. */
  boolean queuesOnlyPartlyMapped() {
    return nrMapped != NrMapped.PER_PAGE;
  }

  /**
   * Whether a new folio that a PMD maps is queued for a split at once, in case most of it stays
   * zero: Linux 6.12, as the fewer updates are.
   */
  public boolean queuesNewHugeFolios() {
    return nrMapped == NrMapped.PER_CALL;
  }

  /** Whether a large folio has one number for all its mappings. */
  boolean totalsMappings() {
    return largeCount != LargeCount.NONE;
  }

  /** Whether a large folio knows which processes map it. */
  public boolean tracksOwners() {
    return largeCount == LargeCount.OWNERS;
  }
}
