package dev.quire.kernel.mm;

import dev.quire.mmu.KernelPteFormat;

/** mlock(2), munlock(2) (Linux v6.18 mm/mlock.c). Used on the kernel's thread. */
final class LockCalls {
  private final Kernel kernel;
  private final KernelPteFormat format;
  private final VmaEdits edits;
  private final Populate populate;

  LockCalls(Kernel kernel, VmaEdits edits, Populate populate) {
    this.kernel = kernel;
    this.format = kernel.format();
    this.edits = edits;
    this.populate = populate;
  }

  private long start(long address) {
    return address & -kernel.pageBytes();
  }

  private long length(long address, long bytes) {
    long page = kernel.pageBytes();
    return bytes + (address & page - 1) + page - 1 & -page;
  }

  long mlock(Process task, long address, long bytes) {
    long start = start(address);
    long length = length(address, bytes);
    long error = apply(task.mm(), start, length, VmFlags.LOCKED);
    if (error != 0) {
      return error;
    }
    return answer(task, populate.range(task, start, start + length, false), start + length);
  }

  /** __mlock_posix_error_return, or a wait after which the rest is populated. */
  private long answer(Process task, int populated, long end) {
    if (populated == Populate.BLOCKED) {
      long at = populate.blockedAt();
      return ContinuedCall.block(
          task,
          task.blockedOn(),
          () -> answer(task, populate.rangeAfterWait(task, at, end, false), end));
    }
    return switch (populated) {
      case -Errno.EFAULT -> -Errno.ENOMEM;
      case -Errno.ENOMEM -> -Errno.EAGAIN;
      default -> populated;
    };
  }

  long munlock(Process task, long address, long bytes) {
    return apply(task.mm(), start(address), length(address, bytes), 0);
  }

  /** apply_vma_lock_flags. */
  private long apply(MmStruct mm, long start, long length, long lock) {
    long end = start + length;
    if (Long.compareUnsigned(end, start) < 0) {
      return -Errno.EINVAL;
    }
    if (end == start) {
      return 0;
    }
    VmaTree tree = mm.vmas();
    Vma vma = tree.find(start);
    if (vma == null) {
      return -Errno.ENOMEM;
    }
    long at = start;
    while (at < end) {
      if (vma == null || vma.start() > at) {
        return -Errno.ENOMEM;
      }
      long stop = Math.min(end, vma.end());
      fixup(mm, vma, at, stop, lock);
      at = stop;
      vma = tree.findAfter(at);
    }
    return 0;
  }

  /** mlock_fixup. */
  private void fixup(MmStruct mm, Vma vma, long start, long end, long lock) {
    long oldFlags = vma.flags();
    long newFlags = oldFlags & ~(VmFlags.LOCKED | VmFlags.LOCKONFAULT) | lock;
    if (newFlags == oldFlags || (oldFlags & (VmFlags.SPECIAL | VmFlags.HUGETLB)) != 0) {
      return;
    }
    Vma part = edits.modify(vma, start, end, newFlags);
    part.setFlags(newFlags | part.flags() & VmFlags.MAYBE_GUARD);
    long pages = end - start >>> kernel.pageShift();
    mm.addLocked(lock != 0 ? pages : -pages);
    markPages(mm, start, end, lock != 0);
  }

  /** mlock_vma_pages_range: what is mapped already. */
  private void markPages(MmStruct mm, long start, long end, boolean lock) {
    kernel.folios().lru().drain();
    PageTables tables = mm.tables();
    long at = tables.skipEmpty(start, end);
    while (at < end) {
      long next = Math.min(end, (at & -kernel.pmdBytes()) + kernel.pmdBytes());
      PageTable pmd = tables.pmd(at);
      int index = tables.pmdIndex(at);
      long entry = pmd.entries[index];
      if (entry != 0 && tables.isHuge(pmd, index)) {
        if (!kernel.isHugeZero(entry)) {
          mark(tables.frame(entry, 1), lock);
        }
      } else if (entry != 0) {
        int first = tables.pteIndex(at);
        markTable(pmd.below[index], first, first + (int) (next - at >>> kernel.pageShift()), lock);
      }
      at = tables.skipEmpty(next, end);
    }
  }

  private void markTable(PageTable table, int first, int limit, boolean lock) {
    for (int i = first; i < limit; i++) {
      long entry = table.entries[i];
      if (format.isMapped(entry) && !format.isSpecial(entry)) {
        long folio = kernel.frames().folioOf(kernel.ptes().frame(entry));
        int nr = kernel.frames().pages(folio);
        // allow_mlock_munlock: a large folio is locked only where it is mapped whole.
        if (nr == 1 || !lock || isWhole(table, i, limit, folio, nr)) {
          mark(folio, lock);
        }
      }
    }
  }

  private boolean isWhole(PageTable table, int index, int limit, long folio, int nr) {
    return kernel.ptes().frame(table.entries[index]) == folio
        && index + nr <= limit
        && kernel.ptes().batch(folio, table, index, nr, false, false) == nr;
  }

  private void mark(long folio, boolean lock) {
    if (lock) {
      kernel.mlock().lock(folio);
    } else {
      kernel.mlock().unlock(folio);
    }
  }
}
