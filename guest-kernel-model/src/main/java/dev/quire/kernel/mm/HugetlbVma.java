package dev.quire.kernel.mm;

/**
 * What a mapping of hugetlb pages has beyond a {@link Vma} (Linux's vm_private_data of one). Used
 * on the kernel's thread.
 */
final class HugetlbVma {
  private final HugetlbSize size;

  /** Reservations used, of a private mapping that made them; else null. */
  private ReservationMap owned;

  private boolean unmapped;

  HugetlbVma(HugetlbSize size, ReservationMap owned) {
    this.size = size;
    this.owned = owned;
  }

  HugetlbSize size() {
    return size;
  }

  /** The mapping's own reservation map (HPAGE_RESV_OWNER), or null. */
  ReservationMap owned() {
    return owned;
  }

  /** The mapping has no reservations any more (clear_vma_resv_huge_pages). */
  void disown() {
    owned = null;
  }

  /** Whether a page was taken from it for its owner's copy: faults end in SIGBUS from then on. */
  boolean isUnmapped() {
    return unmapped;
  }

  void setUnmapped() {
    unmapped = true;
  }

  /** For a part of the mapping, or its copy elsewhere. */
  HugetlbVma copy() {
    HugetlbVma copied = new HugetlbVma(size, owned);
    copied.unmapped = unmapped;
    return copied;
  }

  /** For a child: a private mapping without reservations (hugetlb_dup_vma_private). */
  HugetlbVma forChild() {
    return new HugetlbVma(size, null);
  }
}
