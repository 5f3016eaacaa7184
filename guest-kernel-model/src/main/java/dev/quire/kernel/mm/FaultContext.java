package dev.quire.kernel.mm;

/**
 * One fault being handled (struct vm_fault). One object serves all faults of a kernel: do not keep
 * it. Used on the kernel's thread.
 */
public final class FaultContext {
  private final FileFault fileFault;
  private Process task;
  private Vma vma;
  private long address;
  private long exactAddress;
  private long pgoff;
  private boolean write;
  private boolean major;
  private boolean user;
  private boolean mayWait;

  /** The level-1 table of the address and the entry's place in it. */
  private PageTable pmd;

  private int pmdIndex;

  /** filemap_map_pages takes the lock once, whatever number of folios it maps. */
  private boolean lockedForAround;

  /** What the PTE was when the fault began. */
  private long originalPte;

  FaultContext(FileFault fileFault) {
    this.fileFault = fileFault;
  }

  /** The access is one of {@code byTask}'s; of user space, or of the kernel for it. */
  void begin(Process byTask, boolean byUser, boolean canWait) {
    task = byTask;
    user = byUser;
    mayWait = canWait;
  }

  void start(Vma faultVma, long faultAddress, boolean isWrite) {
    vma = faultVma;
    exactAddress = faultAddress;
    address = faultAddress & -1L << faultVma.mm().pageShift();
    pgoff = faultVma.pgoff(faultAddress);
    write = isWrite;
    major = false;
    pmd = null;
    lockedForAround = false;
    originalPte = 0;
  }

  /** The fault is one of the huge page that begins at an address. */
  void setAddress(long hugePage) {
    address = hugePage;
    pgoff = vma.pgoff(hugePage);
  }

  public Vma vma() {
    return vma;
  }

  /** The faulting page, in bytes. */
  public long address() {
    return address;
  }

  /** The byte that was accessed. */
  public long exactAddress() {
    return exactAddress;
  }

  /** Whether user space itself made the access (FAULT_FLAG_USER). */
  public boolean isUser() {
    return user;
  }

  /** Whether who made the access can wait for user space (FAULT_FLAG_ALLOW_RETRY). */
  public boolean mayWait() {
    return mayWait;
  }

  /** The thread that made it. */
  public int thread() {
    return task.thread();
  }

  /** The access waits for user space. */
  public void setWait(UffdWait wait) {
    task.setBlockedOn(wait);
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

  /** Whether the fault waited for a disk, and so is handled for the second time. */
  public boolean isMajor() {
    return major;
  }

  /** Whether this is the first range that fault-around maps for the fault. */
  boolean locksForAround() {
    boolean first = !lockedForAround;
    lockedForAround = true;
    return first;
  }

  MmStruct mm() {
    return vma.mm();
  }

  PageTables tables() {
    return vma.mm().tables();
  }

  /** Whether neither a page table nor a huge page is there yet. */
  public boolean isPmdNone() {
    return pmd.entries[pmdIndex] == 0;
  }

  void setPmd(PageTable table, int index) {
    pmd = table;
    pmdIndex = index;
  }

  PageTable pmd() {
    return pmd;
  }

  int pmdIndex() {
    return pmdIndex;
  }

  void setOriginalPte(long entry) {
    originalPte = entry;
  }

  /** Whether the page that is not there is write-protected all the same (vmf_orig_pte_uffd_wp). */
  boolean isUffdWriteProtected() {
    return originalPte != 0
        && vma.is(VmFlags.UFFD_WP)
        && PteNote.isUffdMarker(vma.mm().kernel().format(), originalPte);
  }

  long originalPte() {
    return originalPte;
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
    return fileFault.mapRange(this, folio, firstPfn, firstPgoff, pages);
  }

  /**
   * Maps a whole PMD-sized folio by one entry if the place fits and is free (do_set_pmd), taking
   * one reference.
   *
   * @return whether it is mapped
   */
  public boolean mapPmd(long folio) {
    return fileFault.mapPmd(this, folio);
  }
}
