package dev.quire.kernel.mm;

import dev.quire.kernel.mm.FaultHandler.Cause;
import dev.quire.kernel.page.Folios;
import dev.quire.kernel.page.FrameTable;
import java.util.HashMap;
import java.util.Map;

/**
 * Pages that a driver or a hypervisor pins to write to them (Linux v6.18 mm/gup.c, pin_user_pages
 * with FOLL_WRITE): a fork copies them at once, and they keep their frames. Used on the kernel's
 * thread.
 */
final class PinnedPages {
  /** References that a pin of a base page takes (GUP_PIN_COUNTING_BIAS). */
  private static final int BIAS = 1024;

  private final FrameTable frames;
  private final Folios folios;
  private final UserAccess access;

  /** Pins of each large folio that has any (_pincount). */
  private final Map<Long, Integer> counts = new HashMap<>();

  PinnedPages(Kernel kernel, UserAccess access) {
    this.frames = kernel.frames();
    this.folios = kernel.folios();
    this.access = access;
  }

  /** The page at an address, written to and pinned; -EFAULT if there is none. */
  long pin(Process task, long address) {
    if (access.reach(task, address, true, Cause.KERNEL) != UserSignal.NONE) {
      return -Errno.EFAULT;
    }
    long page = access.reached();
    long folio = frames.folioOf(page);
    task.mm().setHasPinned();
    if (frames.order(folio) == 0) {
      folios.get(folio, BIAS);
    } else {
      folios.get(folio, 1);
      counts.merge(folio, 1, Integer::sum);
    }
    return page;
  }

  /** unpin_user_page. */
  void unpin(long page) {
    long folio = frames.folioOf(page);
    if (frames.order(folio) == 0) {
      folios.put(folio, BIAS);
      return;
    }
    if (!counts.containsKey(folio)) {
      throw new IllegalStateException("pfn 0x%x is not pinned".formatted(page));
    }
    counts.computeIfPresent(folio, (key, pins) -> pins == 1 ? null : pins - 1);
    folios.put(folio, 1);
  }

  /** Whether a child must get a copy of what is exclusive in a folio (folio_needs_cow_for_dma). */
  boolean needsCow(MmStruct parent, long folio) {
    return parent.hasPinned()
        && (frames.order(folio) == 0 ? frames.refCount(folio) >= BIAS : counts.containsKey(folio));
  }
}
