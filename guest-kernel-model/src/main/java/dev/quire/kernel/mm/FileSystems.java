package dev.quire.kernel.mm;

/** Makes the files of a modelled kernel. Used on the kernel's thread. */
public interface FileSystems {
  /**
   * A new, empty file.
   *
   * @param pages its size in base pages: nothing of it is allocated yet
   */
  OpenFile open(FileKind kind, long pages);
}
