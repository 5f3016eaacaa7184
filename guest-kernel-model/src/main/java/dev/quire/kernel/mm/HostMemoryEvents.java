package dev.quire.kernel.mm;

/**
 * What a host kernel does of its own accord to memory that a guest runs in. Each of these keeps the
 * guest's bytes, and each tells the {@link MmuNotifier}s before a mapping changes. Used on the
 * machine's executor thread.
 *
 * <p>Every method tells whether it did anything: what the kind of memory does not allow ({@link
 * HostMemoryKind}), what is not there, and what needs a frame when none is left is not done.
 *
 * <p>Sources: Linux v6.18 mm/rmap.c (try_to_unmap, try_to_migrate), mm/huge_memory.c
 * (__split_huge_pmd, split_huge_page_to_list), mm/khugepaged.c (collapse_huge_page), mm/migrate.c,
 * mm/mprotect.c (NUMA hints).
 */
public interface HostMemoryEvents {
  /**
   * Takes away the mappings of the folios in a range, as reclaim into the swap cache, a NUMA hint
   * (PROT_NONE), or munmap and mmap of the same file do. The next touch finds the same frames.
   */
  boolean unmap(long hva, long bytes);

  /**
   * Makes the mappings of the folios in a range read-only, as fork and KSM do. The next write to
   * anonymous memory copies the base page; to other memory it only gets the right back.
   */
  boolean writeProtect(long hva, long bytes);

  /** Has base entries map the large folio at {@code hva} instead of one entry of a PMD. */
  boolean splitMapping(long hva);

  /** Splits the large folio at {@code hva} into base pages, which stay where they are. */
  boolean split(long hva);

  /** Moves the folio at {@code hva} to other frames of the same order. */
  boolean migrate(long hva);

  /** Copies what is in the range of a PMD around {@code hva} to a folio of that size. */
  boolean collapse(long hva);
}
