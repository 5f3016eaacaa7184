package dev.quire.kernel.gather;

/** Where flushes of a process's translations go: the architecture's tlb_flush. */
public interface TlbFlush {
  /**
   * Flushes translations of a range.
   *
   * @param start first byte
   * @param end behind the last byte
   * @param level of the entries that went: 0 for PTEs, 1 for PMDs
   * @param tablesFreed whether page tables went too, so that cached walks must go
   */
  void range(int mm, long start, long end, int level, boolean tablesFreed);

  /**
   * The address space itself goes: all its translations at once.
   *
   * @param tablesFreed as above
   */
  void all(int mm, boolean tablesFreed);
}
