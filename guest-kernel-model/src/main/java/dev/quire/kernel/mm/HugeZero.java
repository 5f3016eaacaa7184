package dev.quire.kernel.mm;

import dev.quire.kernel.page.FrameTable;
import dev.quire.kernel.page.PageFlag;
import dev.quire.kernel.stat.VmEvent;

/**
 * The huge zero folio: made when first wanted, referenced once by each process that ever mapped it,
 * and kept afterwards, as no shrinker runs here (Linux v6.18 mm/huge_memory.c,
 * mm_get_huge_zero_folio). Used on the kernel's thread.
 */
final class HugeZero {
  private final Kernel kernel;
  private long folio = FrameTable.NONE;

  HugeZero(Kernel kernel) {
    this.kernel = kernel;
  }

  /** The folio for a process, or NONE if there is no memory for it. */
  long get(MmStruct mm) {
    if (folio == FrameTable.NONE) {
      folio = kernel.folios().allocator().allocate(kernel.thp().pmdOrder());
      if (folio == FrameTable.NONE) {
        kernel.counters().event(VmEvent.THP_ZERO_PAGE_ALLOC_FAILED);
        return FrameTable.NONE;
      }
      kernel.cleared(folio, kernel.thp().pmdOrder());
      kernel.frames().set(folio, PageFlag.UPTODATE);
      kernel.counters().event(VmEvent.THP_ZERO_PAGE_ALLOC);
    }
    if (!mm.holdsHugeZero()) {
      mm.setHoldsHugeZero();
      kernel.folios().get(folio, 1);
    }
    return folio;
  }

  /** A process goes. */
  void put(MmStruct mm) {
    if (mm.holdsHugeZero()) {
      kernel.folios().put(folio, 1);
    }
  }

  long folio() {
    return folio;
  }
}
