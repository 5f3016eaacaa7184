package dev.quire.kernel.mm;

/** Makes the files of a modelled kernel. Used on the kernel's thread. */
public interface FileSystems {
  /**
   * A new, empty file.
   *
   * @param pages its size in base pages: nothing of it is allocated yet
   */
  OpenFile open(FileKind kind, long pages);

  /**
   * A new, empty file of hugetlb pages.
   *
   * @param hugetlb the kernel's, which has the size
   * @param pages its size in base pages, a multiple of the huge page's
   * @return null if there are no such files
   */
  default OpenFile openHugetlb(Hugetlb hugetlb, HugetlbSize size, long pages) {
    return null;
  }
}
