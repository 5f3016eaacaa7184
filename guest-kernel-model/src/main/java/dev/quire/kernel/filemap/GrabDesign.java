package dev.quire.kernel.filemap;

/**
 * How a range of a page cache is filled with pages (mail 20250110154659.95464-1-kalyazin@amazon.com
 * and what it is compared with).
 */
public enum GrabDesign {
  /** filemap_grab_folio: each page is looked up, and inserted under a lock of its own. */
  ONE_BY_ONE,
  /** filemap_grab_folios: looked up one by one, inserted 128 at a time under one lock. */
  BATCHED,
  /** The variant that looks a batch up with one descent too (filemap_get_folios). */
  BATCHED_QUERY
}
