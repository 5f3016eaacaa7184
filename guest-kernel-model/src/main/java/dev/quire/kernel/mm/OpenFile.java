package dev.quire.kernel.mm;

/**
 * An open file of the modelled kernel: struct file with its file_operations, and the inode behind
 * it. Offsets and sizes are bytes. Calls return a count or 0, or -errno ({@link Errno}). Used on
 * the kernel's thread.
 */
public interface OpenFile {
  FileKind kind();

  /** i_size. */
  long size();

  /** Whether the file may be mapped writable and shared (FMODE_WRITE). */
  boolean writable();

  /** Whether its mappings can never be executed (a noexec mount). */
  default boolean noExec() {
    return false;
  }

  /** Whether its pages are in no mapping of the kernel: get_user_pages fails. */
  default boolean noDirectMap() {
    return false;
  }

  /** Where its mappings are listed (i_mmap): mm adds and removes VMAs, truncation unmaps them. */
  FileMappings mappings();

  /**
   * mmap_prepare: gives the operations of a new mapping, or null if the file refuses it.
   *
   * @param vmFlags of the mapping to be made
   * @see #mmapError
   */
  VmOps operations(long vmFlags);

  /** -errno with which a mapping of the range is refused, or 0. */
  long mmapError(long vmFlags, long offset, long bytes);

  /** No address at all: what is written does not matter. */
  long NO_BYTES = -1;

  /**
   * write(2): as one call.
   *
   * @param userAddress where the caller's bytes are ({@link FrameStorage#copyFromUser}), or {@link
   *     #NO_BYTES}
   */
  long write(long offset, long bytes, long userAddress);

  /** The same where it does not matter what is written. */
  default long write(long offset, long bytes) {
    return write(offset, bytes, NO_BYTES);
  }

  long read(long offset, long bytes);

  /** Whether pread(2) is let through to it (FMODE_PREAD). */
  default boolean hasPread() {
    return true;
  }

  /** Whether pwrite(2) is let through to it (FMODE_PWRITE). */
  default boolean hasPwrite() {
    return true;
  }

  /**
   * lseek(2): where a descriptor goes.
   *
   * @param position where it is
   * @param whence SEEK_SET to SEEK_HOLE, 0 to 4
   * @return the new position, or -errno
   */
  default long llseek(long position, long offset, int whence) {
    return DefaultLlseek.target(size(), position, offset, whence);
  }

  /**
   * @param mode FALLOC_FL_* bits: 1 keep size, 2 punch hole, 0x10 zero range
   */
  long fallocate(int mode, long offset, long bytes);

  long truncate(long bytes);

  long fsync();

  /** posix_fadvise(POSIX_FADV_DONTNEED). */
  long dropCache(long offset, long bytes);

  /** MADV_WILLNEED and readahead(2). */
  long willNeed(long offset, long bytes);

  /** Base pages in its page cache (nrpages). */
  long cachedPages();

  /**
   * Puts another folio of the same order, with one reference, in the place of one in the cache
   * (migrate_folio).
   */
  void replaceFolio(long folio, long by);

  /** Whether mincore says that the page is in memory; {@code pgoff} in base pages. */
  boolean cached(long pgoff);

  /**
   * MADV_COLLAPSE of one PMD-sized piece of the cache into one folio; nothing maps it afterwards if
   * it was not one before.
   *
   * @return 0, or -errno
   */
  long collapse(long pgoff);

  /** The folio that {@link #collapse} made, or found. */
  long hugeFolio(long pgoff);

  /** One more user of the open file: a mapping. */
  void get();

  /** One user less; the last one frees what the file holds if nothing names it any more. */
  void put();
}
