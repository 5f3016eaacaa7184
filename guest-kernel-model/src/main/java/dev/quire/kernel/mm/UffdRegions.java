package dev.quire.kernel.mm;

/**
 * Registers mappings with a userfaultfd and ends that (Linux v6.18 fs/userfaultfd.c,
 * userfaultfd_register, userfaultfd_unregister; mm/userfaultfd.c, userfaultfd_register_range,
 * userfaultfd_clear_vma). Used on the kernel's thread.
 */
final class UffdRegions {
  private final VmaEdits edits;
  private final ChangeProtection protection;

  UffdRegions(VmaEdits edits, ChangeProtection protection) {
    this.edits = edits;
    this.protection = protection;
  }

  /** vma_can_userfault. */
  private static boolean canRegister(Vma vma, long flags, UffdContext context) {
    long modes = flags & VmFlags.UFFD;
    if (modes == VmFlags.UFFD_WP && context.has(UffdFeature.WP_ASYNC)) {
      return true;
    }
    if (vma.isAnonymous()) {
      return (modes & VmFlags.UFFD_MINOR) == 0;
    }
    if (vma.isHugetlb()) {
      return true;
    }
    UffdFileOps ops = vma.uffdOps();
    return ops != null && ops.canRegister(vma, modes);
  }

  /** The first mapping of a range, or null. */
  private static Vma first(MmStruct mm, long start, long end) {
    Vma vma = mm.vmas().findAfter(start);
    return vma == null || vma.start() >= end ? null : vma;
  }

  /** UFFDIO_REGISTER: 0 or -errno. */
  long register(MmStruct mm, UffdContext context, long start, long end, long modes) {
    Vma vma = first(mm, start, end);
    if (vma == null || !vma.maySplit(start)) {
      return -Errno.EINVAL;
    }
    VmaTree tree = mm.vmas();
    for (int i = tree.indexAfter(start); i < tree.size() && tree.get(i).start() < end; i++) {
      long error = registerError(tree.get(i), context, end, modes);
      if (error != 0) {
        return error;
      }
    }
    long at = start;
    while (vma != null) {
      boolean done = vma.uffd() == context && vma.is(modes);
      if (!done) {
        at = Math.max(at, vma.start());
        long flags = vma.flags() & ~VmFlags.UFFD | modes;
        vma = edits.modify(vma, at, Math.min(end, vma.end()), flags, context);
        vma.setUffd(context, modes);
      }
      at = vma.end();
      vma = first(mm, at, end);
    }
    return 0;
  }

  private long registerError(Vma vma, UffdContext context, long end, long modes) {
    if (!canRegister(vma, modes, context)) {
      return -Errno.EINVAL;
    }
    if (!vma.is(VmFlags.MAYWRITE)) {
      return -Errno.EPERM;
    }
    if (end <= vma.end() && !vma.maySplit(end)) {
      return -Errno.EINVAL;
    }
    return vma.uffd() != null && vma.uffd() != context ? -Errno.EBUSY : 0;
  }

  /** UFFDIO_UNREGISTER: 0 or -errno. */
  long unregister(MmStruct mm, UffdContext context, long start, long end, UffdMemory.Wake wake) {
    Vma vma = first(mm, start, end);
    if (vma == null || !vma.maySplit(start)) {
      return -Errno.EINVAL;
    }
    VmaTree tree = mm.vmas();
    for (int i = tree.indexAfter(start); i < tree.size() && tree.get(i).start() < end; i++) {
      Vma other = tree.get(i);
      boolean foreign = other.uffd() != null && other.uffd() != context;
      if (foreign || !canRegister(other, other.flags(), context)) {
        return -Errno.EINVAL;
      }
    }
    long at = start;
    while (vma != null) {
      if (vma.uffd() != null) {
        at = Math.max(at, vma.start());
        long stop = Math.min(end, vma.end());
        if (vma.is(VmFlags.UFFD_MISSING)) {
          wake.wake(at, stop - at);
        }
        vma = clear(vma, at, stop);
      }
      at = vma.end();
      vma = first(mm, at, end);
    }
    return 0;
  }

  /** userfaultfd_clear_vma: the mapping that covers the part now. */
  private Vma clear(Vma vma, long start, long end) {
    if (vma.is(VmFlags.UFFD_WP)) {
      protection.changeUffd(vma, start, end, false);
    }
    Vma part = edits.modify(vma, start, end, vma.flags() & ~VmFlags.UFFD, null);
    part.setUffd(null, 0);
    return part;
  }

  /** userfaultfd_release_all: ends all registrations with one userfaultfd. */
  void release(MmStruct mm, UffdContext context) {
    Vma vma = first(mm, 0, Long.MAX_VALUE);
    while (vma != null) {
      if (vma.uffd() == context) {
        vma = clear(vma, vma.start(), vma.end());
      }
      vma = first(mm, vma.end(), Long.MAX_VALUE);
    }
  }

  /** userfaultfd_release_new: as {@link #release}, but entries keep their protection. */
  void forget(MmStruct mm, UffdContext context) {
    VmaTree tree = mm.vmas();
    for (int i = 0; i < tree.size(); i++) {
      if (tree.get(i).uffd() == context) {
        tree.get(i).setUffd(null, 0);
      }
    }
  }

  /** Whether a range holds a mapping of hugetlb. */
  boolean holdsHugetlb(MmStruct mm, long start, long end) {
    VmaTree tree = mm.vmas();
    for (int i = tree.indexAfter(start); i < tree.size() && tree.get(i).start() < end; i++) {
      if (tree.get(i).isHugetlb()) {
        return true;
      }
    }
    return false;
  }

  /** mwriteprotect_range: 0 or -errno. */
  long writeProtect(MmStruct mm, long start, long end, boolean protect) {
    long error = -Errno.ENOENT;
    VmaTree tree = mm.vmas();
    for (int i = tree.indexAfter(start); i < tree.size() && tree.get(i).start() < end; i++) {
      Vma vma = tree.get(i);
      if (!vma.is(VmFlags.UFFD_WP)) {
        return -Errno.ENOENT;
      }
      if (!vma.maySplit(start) || !vma.maySplit(end)) {
        return -Errno.EINVAL;
      }
      long from = Math.max(start, vma.start());
      error = protection.changeUffd(vma, from, Math.min(end, vma.end()), protect);
      if (error != 0) {
        return error;
      }
    }
    return error;
  }
}
