package dev.quire.mmu;

/**
 * The execution engine's own cache of fills (a soft TLB), which must never hold what the TLB
 * dropped. An MMU calls it after each invalidation, on the vCPU's thread.
 */
public interface FillCache {
  /** Drops every fill. */
  void flushAll();

  /** Drops the fill of the 4 KiB page at {@code va}, whatever its privilege. */
  void flushPage(long va);

  /** An engine without a cache, for walkers used alone. */
  FillCache NONE =
      new FillCache() {
        @Override
        public void flushAll() {}

        @Override
        public void flushPage(long va) {}
      };
}
