package dev.quire.kernel.mm;

import dev.quire.kernel.rmap.ReverseMap;

/** A part of memory management that maps and unmaps folios: all pages but those of hugetlb. */
abstract class MappingPart extends KernelPart {
  protected final ReverseMap rmap;
  protected final Ptes ptes;

  protected MappingPart(Kernel kernel) {
    super(kernel);
    this.rmap = kernel.rmap();
    this.ptes = kernel.ptes();
  }
}
