package dev.quire.kernel.mm;

import dev.quire.kernel.mm.FaultHandler.Cause;
import dev.quire.kernel.page.FrameTable;
import dev.quire.kernel.page.PageFlag;
import dev.quire.kernel.stat.Primitive;
import dev.quire.mmu.KernelPteFormat;

/**
 * Faults pages in on behalf of a system call (Linux v6.18 mm/gup.c: populate_vma_page_range,
 * faultin_page_range). Used on the kernel's thread.
 */
final class Populate {
  /** The caller waits for user space (userfaultfd), and goes on at {@link #blockedAt}. */
  static final int BLOCKED = Integer.MIN_VALUE;

  private long blockedAt;

  private final Kernel kernel;
  private final KernelPteFormat format;
  private final FaultHandler faults;

  Populate(Kernel kernel, FaultHandler faults) {
    this.kernel = kernel;
    this.format = kernel.format();
    this.faults = faults;
  }

  /**
   * Faults in all mappings of a range (__mm_populate): written to where writes make copies.
   *
   * @param ignoreErrors go on with the next mapping after an error
   * @return 0 or -errno, or {@link #BLOCKED}
   */
  int range(Process task, long start, long end, boolean ignoreErrors) {
    VmaTree tree = task.mm().vmas();
    for (int i = tree.indexAfter(start); i < tree.size(); i++) {
      Vma vma = tree.get(i);
      if (vma.start() >= end) {
        break;
      }
      if ((vma.flags() & (VmFlags.IO | VmFlags.PFNMAP | VmFlags.LOCKONFAULT)) != 0) {
        continue;
      }
      int error =
          vma(task, vma, Math.max(start, vma.start()), Math.min(end, vma.end()), Cause.POPULATE);
      if (error == BLOCKED || error != 0 && !ignoreErrors) {
        return error;
      }
    }
    return 0;
  }

  /**
   * {@link #range} after a wait: the page that was waited for must still be mapped
   * (__get_user_pages_locked).
   */
  int rangeAfterWait(Process task, long start, long end, boolean ignoreErrors) {
    boolean gone = task.mm().vmas().find(start) == null;
    return gone && !ignoreErrors ? -Errno.EFAULT : range(task, start, end, ignoreErrors);
  }

  /** Where the last call that ended with {@link #BLOCKED} stopped. */
  long blockedAt() {
    return blockedAt;
  }

  /** populate_vma_page_range. */
  int vma(Process task, Vma vma, long start, long end, Cause cause) {
    boolean write = (vma.flags() & (VmFlags.WRITE | VmFlags.SHARED)) == VmFlags.WRITE;
    // FOLL_FORCE, without which PROT_NONE cannot be read, goes with any permission.
    if ((vma.flags() & (VmFlags.READ | VmFlags.WRITE | VmFlags.EXEC)) == 0) {
      return -Errno.EFAULT;
    }
    return pages(task, vma, start, end, write, cause);
  }

  /** madvise_populate: MADV_POPULATE_READ or MADV_POPULATE_WRITE of a range: 0 or -errno. */
  int advised(Process task, long start, long end, boolean write) {
    long at = start;
    while (at < end) {
      Vma vma = task.mm().vmas().find(at);
      if (vma == null) {
        return -Errno.ENOMEM;
      }
      boolean special = (vma.flags() & (VmFlags.IO | VmFlags.PFNMAP)) != 0;
      if (special || !vma.is(write ? VmFlags.WRITE : VmFlags.READ)) {
        return -Errno.EINVAL;
      }
      long stop = Math.min(end, vma.end());
      int error = pages(task, vma, at, stop, write, Cause.ADVICE);
      if (error != 0) {
        return error;
      }
      at = stop;
    }
    return 0;
  }

  private int pages(Process task, Vma vma, long start, long end, boolean write, Cause cause) {
    if (vma.file() != null && vma.file().noDirectMap()) {
      // check_vma_flags, as for secretmem.
      return -Errno.EFAULT;
    }
    long at = start;
    while (at < end) {
      long next = follow(vma, at, write);
      if (next == 0) {
        int result = faults.handle(task, vma, at, write, cause);
        if (result != 0) {
          blockedAt = at;
          return error(result, cause);
        }
      } else {
        at = next;
      }
    }
    return 0;
  }

  private static int error(int result, Cause cause) {
    return switch (result) {
      case VmFault.RETRY -> BLOCKED;
      case VmFault.OOM -> -Errno.ENOMEM;
      // FOLL_HWPOISON is madvise's.
      case VmFault.HWPOISON -> cause == Cause.ADVICE ? -Errno.EHWPOISON : -Errno.EFAULT;
      default -> -Errno.EFAULT;
    };
  }

  /** follow_page_mask: where the next entry begins if this one serves the access, else 0. */
  private long follow(Vma vma, long address, boolean write) {
    if (vma.isHugetlb()) {
      return kernel.hugetlb().reports.follow(vma, address, write);
    }
    PageTables tables = vma.mm().tables();
    PageTable table = tables.pte(address);
    if (table == null) {
      PageTable pmd = tables.pmd(address);
      int index = tables.pmdIndex(address);
      if (pmd == null
          || pmd.entries[index] == 0
          || write && !format.isWritable(pmd.entries[index])) {
        return 0;
      }
      pmd.entries[index] = touched(pmd.entries[index], write);
      return (address & -kernel.pmdBytes()) + kernel.pmdBytes();
    }
    int index = tables.pteIndex(address);
    kernel.counters().count(Primitive.PTE_READ);
    long entry = table.entries[index];
    if (entry == 0 || !format.isMapped(entry) || write && !format.isWritable(entry)) {
      return 0;
    }
    touchPage(tables.frame(entry, 0), entry, write);
    return address + kernel.pageBytes();
  }

  /** touch_pmd. */
  private long touched(long entry, boolean write) {
    long young = format.young(entry);
    return write ? format.dirty(young) : young;
  }

  /** FOLL_TOUCH marks the folio of a PTE, and leaves the entry alone. */
  private void touchPage(long page, long entry, boolean write) {
    FrameTable frames = kernel.frames();
    long folio = frames.folioOf(page);
    if (write && !format.isDirty(entry)) {
      frames.set(folio, PageFlag.DIRTY);
    }
    if (!frames.is(folio, PageFlag.RESERVED)) {
      kernel.folios().lru().markAccessed(folio);
    }
  }
}
