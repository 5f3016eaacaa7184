package dev.quire.kernel.gather;

/** Where an mmu_gather sends what it held, after the flush. */
public interface FreedPages {
  /** Drops references, which may free the folio: it leaves the LRU and goes to the allocator. */
  void put(long folio, int references);

  /** Frees a page table. */
  void freeTable(long table);
}
