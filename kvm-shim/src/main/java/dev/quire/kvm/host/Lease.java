package dev.quire.kvm.host;

import dev.quire.kernel.mm.OpenFile;
import dev.quire.mmu.Order;

/**
 * A range of a client's that a VM has mapped.
 *
 * @param firstPfn of the frames behind it
 * @param file of the VM's kernel, whose pages are these frames: those that the VM had to do with
 */
record Lease(ClientRange range, long firstPfn, OpenFile file) {
  /** FALLOC_FL_KEEP_SIZE and FALLOC_FL_PUNCH_HOLE. */
  private static final int PUNCH_HOLE = 3;

  long pages() {
    return range.bytes() >>> Order.BASE_PAGE_SHIFT;
  }

  /** The service has to do with these pages from now on. */
  void touch(long hva, long bytes) {
    file.fallocate(0, hva - range.hva(), bytes);
  }

  /** As if it never had. */
  void forget(long hva, long bytes) {
    file.fallocate(PUNCH_HOLE, hva - range.hva(), bytes);
  }
}
