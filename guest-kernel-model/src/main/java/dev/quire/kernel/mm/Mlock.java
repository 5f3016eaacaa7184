package dev.quire.kernel.mm;

import dev.quire.kernel.page.PageFlag;
import dev.quire.kernel.stat.VmEvent;

/**
 * Marks folios of locked mappings unevictable (Linux v6.18 mm/mlock.c, mlock_folio, munlock_folio,
 * mlock_new_folio). Used on the kernel's thread.
 */
final class Mlock {
  private static final long LOCKED_NORMAL = VmFlags.LOCKED | VmFlags.SPECIAL;

  private final Kernel kernel;

  Mlock(Kernel kernel) {
    this.kernel = kernel;
  }

  static boolean locks(Vma vma) {
    return (vma.flags() & LOCKED_NORMAL) == VmFlags.LOCKED;
  }

  /** A new folio of a mapping, not on the LRU yet. */
  void addNew(Vma vma, long folio) {
    if (locks(vma)) {
      mark(folio);
    }
  }

  private void mark(long folio) {
    kernel.frames().set(folio, PageFlag.MLOCKED);
    kernel.counters().event(VmEvent.UNEVICTABLE_PGS_MLOCKED, kernel.frames().pages(folio));
  }

  /** A folio on the LRU is locked now. */
  void lock(long folio) {
    if (kernel.frames().is(folio, PageFlag.MLOCKED)) {
      return;
    }
    mark(folio);
    relist(folio);
  }

  /** A folio is not locked any more. */
  void unlock(long folio) {
    if (!kernel.frames().is(folio, PageFlag.MLOCKED)) {
      return;
    }
    kernel.frames().clear(folio, PageFlag.MLOCKED);
    kernel.counters().event(VmEvent.UNEVICTABLE_PGS_MUNLOCKED, kernel.frames().pages(folio));
    relist(folio);
  }

  /** A locked mapping gave up pages of a folio: it stays locked while somebody maps it. */
  void leave(Vma vma, long folio) {
    if (locks(vma) && !kernel.rmap().mapped(folio)) {
      unlock(folio);
    }
  }

  private void relist(long folio) {
    if (kernel.folios().lru().isolate(folio)) {
      kernel.folios().lru().putBack(folio);
    }
  }
}
