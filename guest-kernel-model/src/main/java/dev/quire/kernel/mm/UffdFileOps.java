package dev.quire.kernel.mm;

/**
 * What a kind of file does for a userfaultfd on its mappings (struct vm_uffd_ops of Linux 7.1; in
 * v6.18 mm calls shmem by name). Used on the kernel's thread.
 */
public interface UffdFileOps {
  /**
   * Whether a mapping may be registered.
   *
   * @param modes UFFD_ flags of {@link VmFlags}
   */
  boolean canRegister(Vma vma, long modes);

  /**
   * The page of the file that is in memory already, with one reference taken (get_folio_noalloc).
   *
   * @return the pfn of that very page; or -ENOENT if there is none, or another -errno
   */
  long cachedPage(long pgoff);

  /**
   * Puts a new base page into the file, with the reference the file needs (filemap_add).
   *
   * @param page allocated, filled, and owned by the caller
   * @return 0, or -errno
   */
  long add(long pgoff, long page);

  /** Undoes {@link #add}. */
  void remove(long page);
}
