package dev.quire.kernel.mm;

/**
 * One fault being handled (struct vm_fault). One object serves all faults of a kernel: do not keep
 * it. Used on the kernel's thread.
 */
public final class FaultContext {
  private Vma vma;
  private long address;
  private long pgoff;
  private boolean write;
  private boolean major;

  FaultContext() {}

  public Vma vma() {
    return vma;
  }

  /** The faulting address, in bytes. */
  public long address() {
    return address;
  }

  /** The page of the file or of the linear numbering that is wanted, in base pages. */
  public long pgoff() {
    return pgoff;
  }

  public boolean isWrite() {
    return write;
  }

  /** The fault had to wait for a disk: it counts as major. */
  public void setMajor() {
    major = true;
  }

  boolean isMajor() {
    return major;
  }

  /**
   * Maps pages of one folio that are not mapped here yet (filemap_map_folio_range): read-only,
   * taking a reference and a mapping for each page it sets.
   *
   * @param firstPfn of the folio's page that belongs at {@code firstPgoff}
   * @param pages consecutive pages of that folio
   * @return pages mapped
   */
  public int mapRange(long folio, long firstPfn, long firstPgoff, int pages) {
    throw new UnsupportedOperationException("file faults");
  }

  /**
   * Maps a whole PMD-sized folio by one entry if the place fits and is free (do_set_pmd), taking
   * one reference.
   *
   * @return whether it is mapped
   */
  public boolean mapPmd(long folio) {
    throw new UnsupportedOperationException("file faults");
  }
}
