package dev.quire.kernel.stat;

/**
 * The smallest operations the model counts, each of which a cost model may price. A count says how
 * often the modelled kernel did it; it never depends on a price.
 *
 * <p>Pages are base pages of the modelled kernel.
 */
public enum Primitive {
  /** Exceptions taken for a page fault, and returned from. */
  FAULT_ENTRY,
  /** System calls entered and returned from. */
  SYSCALL,
  /** Searches of the VMA tree. */
  VMA_LOOKUP,
  /** Descents from the root of a page table to an entry of its last levels. */
  TABLE_DESCENT,
  /** Page tables made, of any level. */
  TABLE_ALLOC,
  TABLE_FREE,
  /** Acquisitions of a page-table lock. */
  TABLE_LOCK,
  PTE_READ,
  /**
   * Searches for the run of PTEs that one folio's pages fill (folio_pte_batch), where a large folio
   * makes it worth while; the entries it reads count as {@link #PTE_READ}.
   */
  PTE_BATCH,
  PTE_SET,
  /** Entries cleared, with what they held handed back (ptep_get_and_clear). */
  PTE_CLEAR,
  /** Entries whose rights alone changed. */
  PTE_PROTECT,
  PMD_SET,
  PMD_CLEAR,
  /** Contiguous groups folded and unfolded (arm64 contpte_convert): each flushes one range. */
  CONTPTE_FOLD,
  CONTPTE_UNFOLD,
  /** Looks at one entry for whether it is, or might become, one of a contiguous group. */
  CONTPTE_CHECK,
  /** Changes of entries that were calls because the compiler did not inline them. */
  PTE_CALL,
  /** Pages cleared one page at a time, and as part of a larger folio. */
  PAGE_CLEAR,
  PAGE_CLEAR_EXTENT,
  PAGE_COPY,
  /** Pages copied from or to user space by a system call. */
  USER_COPY,
  /** Folios taken from and given back to a per-CPU list. */
  PCP_ALLOC,
  PCP_FREE,
  /** Large folios taken apart as they are freed (free_pages_prepare of a compound page). */
  COMPOUND_FREE,
  /** Acquisitions of a zone's lock: one covers a batch between per-CPU and buddy lists. */
  ZONE_LOCK,
  /** Blocks taken from and given back to the buddy lists, with the zone's lock held. */
  BUDDY_ALLOC,
  BUDDY_FREE,
  BUDDY_SPLIT,
  BUDDY_MERGE,
  /** Charges of a folio to a memory control group. */
  MEMCG_CHARGE,
  LRU_ADD,
  LRU_REMOVE,
  REFCOUNT_ATOMIC,
  /** Atomics on a page's _mapcount, a large folio's _entire_mapcount and its _nr_pages_mapped. */
  MAPCOUNT_ATOMIC,
  ENTIRE_MAPCOUNT_ATOMIC,
  NR_PAGES_MAPPED_ATOMIC,
  /** Atomics on a large folio's _large_mapcount, or on the lock that guards it (Linux 6.10 on). */
  LARGE_MAPCOUNT_ATOMIC,
  /** Calls of the rmap interface, whatever number of pages each covers. */
  RMAP_CALL,
  /** Searches for the large folio of a page inside an rmap call (compound_head). */
  FOLIO_LOOKUP,
  /** Counter updates of a process (add_mm_counter). */
  MM_COUNTER_UPDATE,
  /** Looks into a page cache's tree without its lock (filemap_get_entry). */
  XARRAY_QUERY,
  /** Descents from the root of a page cache's tree with its lock held. */
  XARRAY_DESCENT,
  /** Steps to the next slot without a descent (xas_next). */
  XARRAY_STEP,
  XARRAY_STORE,
  /** Nodes of such trees made. */
  XARRAY_NODE_ALLOC,
  /** Acquisitions of a page cache's lock with interrupts off. */
  XARRAY_LOCK,
  /** Entries put into an mmu_gather, and its flushes. */
  GATHER_ENTRY,
  GATHER_FLUSH,
  /** Pages taken to hold further entries of an mmu_gather. */
  GATHER_BATCH,
  /** Runs of at most 512 entries freed without a chance to reschedule. */
  GATHER_CHUNK,
  SWAPCACHE_CHECK,
  /** Flushes of a range of the process's translations, and the pages they cover. */
  TLB_FLUSH,
  TLB_FLUSH_PAGE,
  DEFERRED_SPLIT_QUEUE,
  DEFERRED_SPLIT_UNQUEUE,
  VMA_COPY,
  /** Messages queued on a userfaultfd: faults and events, each with somebody who waits. */
  UFFD_MESSAGE,
  /** Wake-ups of those by an answer or a read. */
  UFFD_WAKE,
  /** ioctls of a userfaultfd; they count as {@link #SYSCALL} too. */
  UFFD_IOCTL,
  /** Times a thread gave up its processor to wait, and got it back. */
  CONTEXT_SWITCH,
  PROCESS_FORK,
  PROCESS_EXEC,
  PROCESS_EXIT
}
