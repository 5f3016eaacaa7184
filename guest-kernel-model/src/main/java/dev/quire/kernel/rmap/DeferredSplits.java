package dev.quire.kernel.rmap;

/** Where the reverse map sends a large anonymous folio that lost some of its mappings. */
@FunctionalInterface
public interface DeferredSplits {
  /** Queues the folio to be split when memory is short (deferred_split_folio). */
  void queue(long folio, boolean partiallyMapped);
}
