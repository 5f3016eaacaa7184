package dev.quire.kernel.mm;

import dev.quire.kernel.mm.FaultHandler.Cause;

/** mprotect(2) (Linux v6.18 mm/mprotect.c, do_mprotect_pkey). Used on the kernel's thread. */
final class ProtectCall {
  private static final int RIGHTS = Mman.PROT_READ | Mman.PROT_WRITE | Mman.PROT_EXEC;

  private final Kernel kernel;
  private final VmaEdits edits;
  private final ChangeProtection change;
  private final Populate populate;

  ProtectCall(Kernel kernel, VmaEdits edits, ChangeProtection change, Populate populate) {
    this.kernel = kernel;
    this.edits = edits;
    this.change = change;
    this.populate = populate;
  }

  long mprotect(Process task, long start, long bytes, int prot) {
    long page = kernel.pageBytes();
    if ((start & page - 1) != 0) {
      return -Errno.EINVAL;
    }
    if (bytes == 0) {
      return 0;
    }
    long end = start + (bytes + page - 1 & -page);
    if (Long.compareUnsigned(end, start) <= 0) {
      return -Errno.ENOMEM;
    }
    if ((prot & ~RIGHTS) != 0) {
      return -Errno.EINVAL;
    }
    VmaTree tree = task.mm().vmas();
    Vma vma = tree.findAfter(start);
    if (vma == null || vma.start() > start) {
      return -Errno.ENOMEM;
    }
    long at = start;
    while (at < end) {
      if (vma == null || vma.start() > at) {
        return -Errno.ENOMEM;
      }
      long newFlags = vma.flags() & ~VmFlags.ACCESS | prot;
      if ((newFlags & ~(newFlags >>> 4) & VmFlags.ACCESS) != 0) {
        return -Errno.EACCES;
      }
      long stop = Math.min(end, vma.end());
      if (newFlags != vma.flags() && !(vma.maySplit(at) && vma.maySplit(stop))) {
        return -Errno.EINVAL;
      }
      protect(task, vma, at, stop, newFlags);
      at = stop;
      vma = tree.findAfter(at);
    }
    return 0;
  }

  /** mprotect_fixup. */
  private void protect(Process task, Vma vma, long start, long end, long wanted) {
    long oldFlags = vma.flags();
    if (wanted == oldFlags) {
      return;
    }
    long newFlags = wanted;
    long accounted = VmFlags.ACCOUNT | VmFlags.WRITE | VmFlags.HUGETLB;
    if ((newFlags & VmFlags.WRITE) != 0) {
      if ((oldFlags & (accounted | VmFlags.SHARED | VmFlags.NORESERVE)) == 0) {
        newFlags |= VmFlags.ACCOUNT;
      }
    } else if ((oldFlags & VmFlags.ACCOUNT) != 0 && vma.isAnonymous() && vma.anonVma() == null) {
      newFlags &= ~VmFlags.ACCOUNT;
    }
    Vma part = edits.modify(vma, start, end, newFlags);
    part.setFlags(newFlags | part.flags() & VmFlags.MAYBE_GUARD);
    change.change(part, start, end);
    if ((oldFlags & (VmFlags.WRITE | VmFlags.SHARED | VmFlags.LOCKED)) == VmFlags.LOCKED
        && (newFlags & VmFlags.WRITE) != 0) {
      populate.vma(task, part, start, end, Cause.PROTECT);
    }
  }
}
