package dev.quire.kernel.filemap;

import dev.quire.kernel.mm.FileMappings;

/** What a file asks of the page tables that map it. Implemented by the kernel. */
public interface MappingUpdates {
  /**
   * Unmaps pages of the file everywhere (unmap_mapping_range).
   *
   * @param privateCopies anonymous copies in private mappings too
   */
  void unmap(FileMappings mappings, long firstPgoff, long pages, boolean privateCopies);

  /** Makes entries of shared mappings clean and read-only (folio_mkclean). */
  void clean(FileMappings mappings, long firstPgoff, long pages);
}
