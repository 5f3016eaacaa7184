package dev.quire.kernel.mm;

/**
 * madvise(2) (Linux v6.18 mm/madvise.c): the order of its checks, the walk over mappings, and the
 * advice that only changes their flags. Used on the kernel's thread.
 */
final class Madvise {
  private final Kernel kernel;
  private final VmaEdits edits;
  private final ZapRange zap;
  private final Populate populate;
  private final AdvisedWalk walk;
  private final GuardRegions guards;
  private final Collapse collapse;

  Madvise(
      Kernel kernel,
      VmaEdits edits,
      ZapRange zap,
      Populate populate,
      AdvisedWalk walk,
      GuardRegions guards,
      Collapse collapse) {
    this.kernel = kernel;
    this.edits = edits;
    this.zap = zap;
    this.populate = populate;
    this.walk = walk;
    this.guards = guards;
    this.collapse = collapse;
  }

  long madvise(Process task, long start, long bytes, int advice) {
    long page = kernel.pageBytes();
    long length = bytes + page - 1 & -page;
    if (!isKnown(advice)
        || (start & page - 1) != 0
        || bytes != 0 && length == 0
        || Long.compareUnsigned(start + length, start) < 0) {
      return -Errno.EINVAL;
    }
    if (length == 0) {
      return 0;
    }
    if (advice == Mman.MADV_POPULATE_READ || advice == Mman.MADV_POPULATE_WRITE) {
      return populate.advised(task, start, start + length, advice == Mman.MADV_POPULATE_WRITE);
    }
    return walkVmas(task.mm(), start, start + length, advice);
  }

  private static boolean isKnown(int advice) {
    return advice >= Mman.MADV_NORMAL && advice <= Mman.MADV_DONTNEED
        || advice >= Mman.MADV_FREE && advice <= Mman.MADV_COLLAPSE
        || advice == Mman.MADV_GUARD_INSTALL
        || advice == Mman.MADV_GUARD_REMOVE;
  }

  /** madvise_walk_vmas: a gap is an error, but the rest is advised all the same. */
  private int walkVmas(MmStruct mm, long from, long end, int advice) {
    int gap = 0;
    long start = from;
    while (true) {
      Vma vma = mm.vmas().findAfter(start);
      if (vma == null) {
        return -Errno.ENOMEM;
      }
      if (start < vma.start()) {
        gap = -Errno.ENOMEM;
        start = vma.start();
        if (start >= end) {
          return gap;
        }
      }
      long stop = Math.min(vma.end(), end);
      int error = advise(vma, start, stop, advice);
      if (error != 0) {
        return error;
      }
      if (stop >= end) {
        return gap;
      }
      start = stop;
    }
  }

  private int advise(Vma vma, long start, long end, int advice) {
    switch (advice) {
      case Mman.MADV_REMOVE:
        return remove(vma, start, end);
      case Mman.MADV_WILLNEED:
        return willNeed(vma, start, end);
      case Mman.MADV_COLD, Mman.MADV_PAGEOUT:
        return pushOut(vma, start, end, advice);
      case Mman.MADV_FREE, Mman.MADV_DONTNEED, Mman.MADV_DONTNEED_LOCKED:
        return discard(vma, start, end, advice);
      case Mman.MADV_COLLAPSE:
        return collapse.collapse(vma, start, end);
      case Mman.MADV_GUARD_INSTALL:
        return guards.install(vma, start, end);
      case Mman.MADV_GUARD_REMOVE:
        return guards.remove(vma, start, end);
      default:
        return changeFlags(vma, start, end, advice);
    }
  }

  private static int remove(Vma vma, long start, long end) {
    if (vma.is(VmFlags.LOCKED) || vma.file() == null) {
      return -Errno.EINVAL;
    }
    if (!vma.is(VmFlags.SHARED | VmFlags.MAYWRITE)) {
      return -Errno.EACCES;
    }
    int keepSizePunchHole = 3;
    long offset = vma.pgoff(start) * vma.mm().kernel().pageBytes();
    return (int) vma.file().fallocate(keepSizePunchHole, offset, end - start);
  }

  private static int willNeed(Vma vma, long start, long end) {
    if (vma.file() == null || vma.ops().isShmem()) {
      return 0;
    }
    long offset = vma.pgoff(start) * vma.mm().kernel().pageBytes();
    vma.file().willNeed(offset, end - start);
    return 0;
  }

  private int pushOut(Vma vma, long start, long end, int advice) {
    if ((vma.flags() & (VmFlags.LOCKED | VmFlags.PFNMAP | VmFlags.HUGETLB)) != 0) {
      return -Errno.EINVAL;
    }
    AdvisedWalk.Kind kind =
        advice == Mman.MADV_COLD ? AdvisedWalk.Kind.COLD : AdvisedWalk.Kind.PAGEOUT;
    walk.walk(vma, start, end, kind);
    return 0;
  }

  /** madvise_dontneed_free. */
  private int discard(Vma vma, long start, long end, int advice) {
    long forbidden = VmFlags.PFNMAP;
    forbidden |= advice == Mman.MADV_DONTNEED_LOCKED ? 0 : VmFlags.LOCKED;
    if ((vma.flags() & forbidden) != 0) {
      return -Errno.EINVAL;
    }
    if (advice != Mman.MADV_FREE) {
      HugetlbVma hugetlb = vma.hugetlb();
      if (hugetlb != null && !hugetlb.size().isAligned(start)) {
        return -Errno.EINVAL;
      }
      // Whoever does not know of huge pages loses no more than what was named.
      long stop = hugetlb == null ? end : hugetlb.size().alignDown(end);
      if (start < stop) {
        zap.discard(vma, start, stop);
      }
      return 0;
    }
    if (!vma.isAnonymous()) {
      return -Errno.EINVAL;
    }
    walk.walk(vma, start, end, AdvisedWalk.Kind.FREE);
    return 0;
  }

  private int changeFlags(Vma vma, long start, long end, int advice) {
    long old = vma.flags();
    if ((advice == Mman.MADV_DOFORK || advice == Mman.MADV_DODUMP)
        && (old & VmFlags.SPECIAL) != 0) {
      return -Errno.EINVAL;
    }
    if (advice == Mman.MADV_WIPEONFORK && (vma.file() != null || vma.is(VmFlags.SHARED))) {
      return -Errno.EINVAL;
    }
    long flags = newFlags(old, advice);
    if (flags != old) {
      if (!(vma.maySplit(start) && vma.maySplit(end))) {
        return -Errno.EINVAL;
      }
      Vma part = edits.modify(vma, start, end, flags);
      part.setFlags(flags | part.flags() & VmFlags.MAYBE_GUARD);
    }
    return 0;
  }

  private static long newFlags(long old, int advice) {
    return switch (advice) {
      case Mman.MADV_NORMAL -> old & ~(VmFlags.RAND_READ | VmFlags.SEQ_READ);
      case Mman.MADV_SEQUENTIAL -> old & ~VmFlags.RAND_READ | VmFlags.SEQ_READ;
      case Mman.MADV_RANDOM -> old & ~VmFlags.SEQ_READ | VmFlags.RAND_READ;
      case Mman.MADV_DONTFORK -> old | VmFlags.DONTCOPY;
      case Mman.MADV_DOFORK -> old & ~VmFlags.DONTCOPY;
      case Mman.MADV_WIPEONFORK -> old | VmFlags.WIPEONFORK;
      case Mman.MADV_KEEPONFORK -> old & ~VmFlags.WIPEONFORK;
      case Mman.MADV_DONTDUMP -> old | VmFlags.DONTDUMP;
      case Mman.MADV_DODUMP -> old & ~VmFlags.DONTDUMP;
      case Mman.MADV_MERGEABLE -> ksmCompatible(old) ? old | VmFlags.MERGEABLE : old;
      case Mman.MADV_UNMERGEABLE -> old & ~VmFlags.MERGEABLE;
      case Mman.MADV_HUGEPAGE -> old & ~VmFlags.NOHUGEPAGE | VmFlags.HUGEPAGE;
      case Mman.MADV_NOHUGEPAGE -> old & ~VmFlags.HUGEPAGE | VmFlags.NOHUGEPAGE;
      default -> throw new IllegalArgumentException("advice " + advice);
    };
  }

  private static boolean ksmCompatible(long flags) {
    return (flags & (VmFlags.SPECIAL | VmFlags.SHARED | VmFlags.MAYSHARE | VmFlags.HUGETLB)) == 0;
  }
}
