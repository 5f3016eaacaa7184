package dev.quire.kernel.page;

/** What a folio belongs to: an anon_vma or the page cache of a file (Linux's folio->mapping). */
public interface FolioMapping {
  boolean isAnon();
}
