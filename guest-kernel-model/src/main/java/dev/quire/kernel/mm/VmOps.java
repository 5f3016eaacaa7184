package dev.quire.kernel.mm;

/**
 * What a kind of file does about faults in its mappings (Linux's struct vm_operations_struct). Mm
 * calls it; the page cache implements it. Used on the kernel's thread, so a page handed over needs
 * no lock.
 */
public interface VmOps {
  /**
   * Finds the page of {@code fault.pgoff()} or brings it in.
   *
   * @return the pfn of that very page, its folio up to date and with one reference taken for the
   *     caller; or a {@link VmFault}. A handler that waited for a disk calls {@link
   *     FaultContext#setMajor}.
   */
  long fault(FaultContext fault);

  /** Whether {@link #mapPages} does anything: reads then map what lies around in the cache. */
  default boolean faultsAround() {
    return false;
  }

  /**
   * Maps what is cached, up to date and not yet mapped of a range, read-only, by {@link
   * FaultContext#mapRange}.
   *
   * @param firstPgoff first page of the file, in base pages; the whole range lies in the VMA and in
   *     one page table
   * @param lastPgoff last page, inclusive
   * @return pages mapped
   */
  default int mapPages(FaultContext fault, long firstPgoff, long lastPgoff) {
    return 0;
  }

  /** Whether a shared page must be asked for before it becomes writable: dirty tracking. */
  default boolean tracksWrites() {
    return false;
  }

  /**
   * A page of a shared mapping is about to become writable.
   *
   * @return 0, or a {@link VmFault}
   */
  default int pageMkwrite(FaultContext fault, long pfn) {
    return 0;
  }

  /** {@link #fault} for a whole PMD; {@link VmFault#FALLBACK} if there is no such thing. */
  default long hugeFault(FaultContext fault) {
    return VmFault.FALLBACK;
  }

  /** Whether reclaim leaves the file's pages alone (mapping_unevictable). */
  default boolean isUnevictable() {
    return false;
  }

  /** Whether mappings of this kind count as shmem in RssShmem and smaps. */
  default boolean isShmem() {
    return false;
  }

  /** What its mappings do for a userfaultfd; null if they cannot be registered. */
  default UffdFileOps uffd() {
    return null;
  }

  /** Whether MADV_COLLAPSE may work on a mapping. */
  default boolean collapses(Vma vma) {
    return false;
  }

  /** Orders a mapping of this kind may use, as a bit mask: for smaps' THPeligible. */
  default long thpOrders(Vma vma) {
    return 0;
  }
}
