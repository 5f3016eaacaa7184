package dev.quire.kernel.gather;

/**
 * What an mmu_gather stores, and with it how pages reach it and what a flush does with them.
 *
 * <p>Sources: mm/mmu_gather.c of Linux 6.7; "Optimize mmap_exit for large folios" v2 (R. Roberts,
 * 20230830095011.1228673); "mm/memory: optimize unmap/zap with PTE-mapped THP" v3 (D. Hildenbrand,
 * 20240214204435.167852, Linux 6.9).
 */
public enum GatherDesign {
  /** Before: an entry a page. */
  PAGES(8, 0),
  /** Contiguous pfns of one folio share an entry of 16 bytes; every rmap removal waits for it. */
  RANGES(16, 0),
  /** As merged: a page, and in the next slot how many, where zap found a run. */
  RUNS(8, 1);

  private static final int BATCH_HEADER_BYTES = 16;
  private static final int MAX_ENTRIES = 10_000;

  private final int slotBytes;
  private final int reservedSlots;

  GatherDesign(int slotBytes, int reservedSlots) {
    this.slotBytes = slotBytes;
    this.reservedSlots = reservedSlots;
  }

  /** Whether zap looks for runs of PTEs of one folio and hands each over at once. */
  public boolean batchesZap() {
    return this == RUNS;
  }

  /** Slots of a batch of one page. */
  int slotsPerBatch(int pageBytes) {
    return (pageBytes - BATCH_HEADER_BYTES) / slotBytes;
  }

  /** Batches besides the one on the stack, after which a flush is forced. */
  int maxBatches(int pageBytes) {
    return MAX_ENTRIES / slotsPerBatch(pageBytes);
  }

  /** Slots of a batch that stay free, so that the next entry fits in any case. */
  int reservedSlots() {
    return reservedSlots;
  }
}
