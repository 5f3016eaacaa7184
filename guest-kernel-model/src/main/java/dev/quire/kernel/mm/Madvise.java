package dev.quire.kernel.mm;

/**
 * madvise(2) (Linux v6.18 mm/madvise.c): the order of its checks, the walk over mappings, and the
 * advice that only changes their flags. Used on the kernel's thread.
 */
final class Madvise {
  /** FALLOC_FL_KEEP_SIZE and FALLOC_FL_PUNCH_HOLE. */
  private static final int KEEP_SIZE_PUNCH_HOLE = 3;

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
      return populate(task, start, start + length, advice == Mman.MADV_POPULATE_WRITE);
    }
    return walkVmas(task, start, start + length, advice, 0);
  }

  /** madvise_populate: after a wait it goes on where it stopped. */
  private long populate(Process task, long start, long end, boolean write) {
    int error = populate.advised(task, start, end, write);
    if (error != Populate.BLOCKED) {
      return error;
    }
    long at = populate.blockedAt();
    return ContinuedCall.block(task, task.blockedOn(), () -> populate(task, at, end, write));
  }

  private static boolean isKnown(int advice) {
    return advice >= Mman.MADV_NORMAL && advice <= Mman.MADV_DONTNEED
        || advice >= Mman.MADV_FREE && advice <= Mman.MADV_COLLAPSE
        || advice == Mman.MADV_GUARD_INSTALL
        || advice == Mman.MADV_GUARD_REMOVE;
  }

  /** madvise_walk_vmas: a gap is an error, but the rest is advised all the same. */
  private long walkVmas(Process task, long from, long end, int advice, int gapBefore) {
    VmaTree vmas = task.mm().vmas();
    int gap = gapBefore;
    long start = from;
    while (start < end) {
      Vma vma = vmas.findAfter(start);
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
      if (sendsRemoval(vma, start, stop, advice)) {
        return announce(task, vma, start, stop, end, advice, gap);
      }
      int error = advise(vma, start, stop, advice);
      if (error != 0) {
        return error;
      }
      start = stop;
    }
    return gap;
  }

  /** Whether advice makes pages go, and a userfaultfd wants to know before. */
  private static boolean sendsRemoval(Vma vma, long start, long stop, int advice) {
    if (vma.uffd() == null || !vma.uffd().has(UffdFeature.EVENT_REMOVE)) {
      return false;
    }
    return switch (advice) {
      case Mman.MADV_FREE, Mman.MADV_DONTNEED, Mman.MADV_DONTNEED_LOCKED ->
          discardError(vma, start, advice) == 0 && discardEnd(vma, stop) > start;
      case Mman.MADV_REMOVE -> removeError(vma) == 0;
      default -> false;
    };
  }

  /** userfaultfd_remove: the advice is carried out once the event was read. */
  private long announce(
      Process task, Vma vma, long start, long stop, long end, int advice, int gap) {
    OpenFile file = vma.file();
    long offset = vma.pgoff(start) * kernel.pageBytes();
    UffdEvents events = new UffdEvents();
    events.remove(vma, start, advice == Mman.MADV_REMOVE ? stop : discardEnd(vma, stop));
    return events.complete(
        task,
        () -> {
          if (advice == Mman.MADV_REMOVE) {
            long error = file.fallocate(KEEP_SIZE_PUNCH_HOLE, offset, stop - start);
            return error != 0 ? error : walkVmas(task, stop, end, advice, gap);
          }
          Vma found = task.mm().vmas().find(start);
          if (found == null) {
            return -Errno.ENOMEM;
          }
          long clipped = Math.min(stop, found.end());
          int error = discard(found, start, clipped, advice);
          return error != 0 ? error : walkVmas(task, clipped, end, advice, gap);
        });
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

  private static int removeError(Vma vma) {
    if (vma.is(VmFlags.LOCKED) || vma.file() == null) {
      return -Errno.EINVAL;
    }
    return vma.is(VmFlags.SHARED | VmFlags.MAYWRITE) ? 0 : -Errno.EACCES;
  }

  private static int remove(Vma vma, long start, long end) {
    int error = removeError(vma);
    if (error != 0) {
      return error;
    }
    long offset = vma.pgoff(start) * vma.mm().kernel().pageBytes();
    return (int) vma.file().fallocate(KEEP_SIZE_PUNCH_HOLE, offset, end - start);
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

  /** madvise_dontneed_free_valid_vma. */
  private static int discardError(Vma vma, long start, int advice) {
    if (vma.isHugetlb() && (advice == Mman.MADV_FREE || !vma.maySplit(start))) {
      return -Errno.EINVAL;
    }
    long forbidden = VmFlags.PFNMAP;
    forbidden |= advice == Mman.MADV_DONTNEED_LOCKED ? 0 : VmFlags.LOCKED;
    return (vma.flags() & forbidden) != 0 ? -Errno.EINVAL : 0;
  }

  /** Whoever does not know of huge pages loses no more than what was named. */
  private static long discardEnd(Vma vma, long end) {
    return vma.isHugetlb() ? vma.hugetlb().size().alignDown(end) : end;
  }

  /** madvise_dontneed_free. */
  private int discard(Vma vma, long start, long end, int advice) {
    int error = discardError(vma, start, advice);
    if (error != 0) {
      return error;
    }
    if (advice != Mman.MADV_FREE) {
      long stop = discardEnd(vma, end);
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
    if (advice == Mman.MADV_DOFORK && vma.is(VmFlags.IO)
        || advice == Mman.MADV_DODUMP && !vma.isHugetlb() && (old & VmFlags.SPECIAL) != 0) {
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
