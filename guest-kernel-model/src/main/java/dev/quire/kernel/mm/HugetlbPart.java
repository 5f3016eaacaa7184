package dev.quire.kernel.mm;

import dev.quire.kernel.rmap.HugetlbRmap;

/** A part of memory management that works on hugetlb pages. */
abstract class HugetlbPart extends KernelPart {
  protected final HugetlbRmap rmap;
  protected final HugetlbEntries entries;
  protected final HugetlbReservations reservations;

  /**
   * @param hugetlb has its reverse map, entries and reservations already
   */
  protected HugetlbPart(Kernel kernel, Hugetlb hugetlb) {
    super(kernel);
    this.rmap = hugetlb.rmap;
    this.entries = hugetlb.entries;
    this.reservations = hugetlb.reservations;
  }
}
