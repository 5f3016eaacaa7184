package dev.quire.kernel.mm;

/**
 * Merges and splits VMAs (Linux v6.18 mm/vma.c: vma_merge_new_range, vma_merge_existing_range,
 * vma_modify, copy_vma). Used on the kernel's thread.
 */
final class VmaEdits {
  /** Flags on which neighbours may differ and still merge; the merged VMA has them all. */
  private static final long STICKY = VmFlags.SOFTDIRTY | VmFlags.MAYBE_GUARD;

  private final HugePmd hugePmd;

  VmaEdits(HugePmd hugePmd) {
    this.hugePmd = hugePmd;
  }

  /** What a VMA to be placed, or the changed part of one, is like. */
  private record Wanted(
      long start,
      long end,
      long flags,
      long pgoff,
      OpenFile file,
      VmOps ops,
      AnonVma anonVma,
      UffdContext uffd) {
    boolean fits(Vma neighbour) {
      return ((neighbour.flags() ^ flags) & ~STICKY) == 0
          && neighbour.file() == file
          && neighbour.ops() == ops
          && neighbour.uffd() == uffd;
    }
  }

  /** Whether a VMA may map pages of ancestors, and so does not merge with unfaulted ones. */
  private static boolean isForked(Vma vma) {
    return vma != null && vma.anonVma() != null && vma.anonChain().size() > 1;
  }

  /**
   * is_mergeable_anon_vma.
   *
   * @param source the VMA that changes, or null
   * @param copiedFrom the VMA that a new one is a copy of, or null
   */
  private static boolean anonFits(Vma target, AnonVma anonVma, Vma source, Vma copiedFrom) {
    if (target.anonVma() == null && anonVma != null) {
      return !isForked(source) && !isForked(copiedFrom);
    }
    if (target.anonVma() != null && anonVma == null) {
      return !isForked(target);
    }
    return target.anonVma() == anonVma;
  }

  private static boolean fitsAfter(Vma previous, Wanted wanted, Vma source, Vma copiedFrom) {
    return previous != null
        && previous.end() == wanted.start
        && wanted.fits(previous)
        && anonFits(previous, wanted.anonVma, source, copiedFrom)
        && previous.pgoff(previous.end()) == wanted.pgoff;
  }

  private static boolean fitsBefore(
      Vma next, Wanted wanted, Vma source, Vma copiedFrom, int pageShift) {
    return next != null
        && next.start() == wanted.end
        && wanted.fits(next)
        && anonFits(next, wanted.anonVma, source, copiedFrom)
        && next.pgoff() == wanted.pgoff + (wanted.end - wanted.start >>> pageShift);
  }

  private static boolean compatible(Vma a, Vma b) {
    return a.anonVma() == null || b.anonVma() == null || a.anonVma() == b.anonVma();
  }

  /**
   * Places a new mapping in a hole by growing its neighbours.
   *
   * @param copiedFrom the mapping it is a copy of, for mremap; or null
   * @return the VMA that covers it now, or null: nothing merged
   */
  Vma mergeNew(
      MmStruct mm,
      long start,
      long end,
      long flags,
      long pgoff,
      OpenFile file,
      VmOps ops,
      Vma copiedFrom) {
    if ((flags & VmFlags.SPECIAL) != 0) {
      return null;
    }
    VmaTree tree = mm.vmas();
    int index = tree.indexAfter(start);
    Vma previous = index == 0 ? null : tree.get(index - 1);
    Vma next = index == tree.size() ? null : tree.get(index);
    AnonVma anonVma = copiedFrom == null ? null : copiedFrom.anonVma();
    UffdContext uffd = copiedFrom == null ? null : copiedFrom.uffd();
    Wanted wanted = new Wanted(start, end, flags, pgoff, file, ops, anonVma, uffd);
    boolean left = fitsAfter(previous, wanted, null, copiedFrom);
    boolean right = fitsBefore(next, wanted, null, copiedFrom, mm.pageShift());
    right = right && (!left || compatible(previous, next));
    if (!left && !right) {
      return null;
    }
    Vma target = left ? previous : next;
    long sticky = flags & STICKY;
    if (target.anonVma() == null && copiedFrom != null) {
      AnonVma.copy(target, copiedFrom);
    }
    if (left && right) {
      adoptAnon(target, next);
      sticky |= next.flags() & STICKY;
      long newEnd = next.end();
      tree.remove(next);
      target.setRange(target.start(), newEnd, target.pgoff());
    } else if (left) {
      target.setRange(target.start(), end, target.pgoff());
    } else {
      target.setRange(start, target.end(), pgoff);
    }
    target.setFlags(target.flags() | sticky);
    return target;
  }

  /** dup_anon_vma. */
  private static void adoptAnon(Vma target, Vma source) {
    if (target.anonVma() == null) {
      AnonVma.copy(target, source);
    }
  }

  /**
   * Isolates a part of a VMA that shall get other flags, by merging it into a neighbour that has
   * them or by splitting.
   *
   * @return the VMA that covers the part; the caller sets its flags
   */
  Vma modify(Vma vma, long start, long end, long newFlags) {
    return modify(vma, start, end, newFlags, vma.uffd());
  }

  /** {@link #modify(Vma, long, long, long)} for a part that shall get another userfaultfd too. */
  Vma modify(Vma vma, long start, long end, long newFlags, UffdContext newUffd) {
    Vma merged = mergePart(vma, start, end, newFlags, newUffd);
    if (merged != null) {
      return merged;
    }
    Vma part = vma;
    if (part.start() < start) {
      part = splitAbove(part, start);
    }
    if (part.end() > end) {
      splitAbove(part, end);
    }
    return part;
  }

  private Vma mergePart(Vma vma, long start, long end, long newFlags, UffdContext newUffd) {
    boolean leftSide = start == vma.start();
    boolean rightSide = end == vma.end();
    if ((newFlags & VmFlags.SPECIAL) != 0 || !leftSide && !rightSide) {
      return null;
    }
    VmaTree tree = vma.mm().vmas();
    Vma previous = leftSide ? tree.previous(vma) : null;
    Vma next = rightSide ? tree.next(vma) : null;
    Wanted wanted =
        new Wanted(
            start, end, newFlags, vma.pgoff(start), vma.file(), vma.ops(), vma.anonVma(), newUffd);
    boolean left = fitsAfter(previous, wanted, vma, null);
    boolean right = fitsBefore(next, wanted, vma, null, vma.mm().pageShift());
    right = right && (!left || compatible(previous, next));
    if (!left && !right) {
      return null;
    }
    long sticky = newFlags & STICKY;
    if (left && right) {
      adoptAnon(previous, next.anonVma() != null ? next : vma);
      sticky |= next.flags() & STICKY;
      long newEnd = next.end();
      tree.remove(vma);
      tree.remove(next);
      previous.setRange(previous.start(), newEnd, previous.pgoff());
    } else if (left) {
      adoptAnon(previous, vma);
      if (rightSide) {
        tree.remove(vma);
      } else {
        hugePmd.splitAtBorder(vma, end);
        vma.setRange(end, vma.end(), vma.pgoff(end));
      }
      previous.setRange(previous.start(), end, previous.pgoff());
    } else {
      adoptAnon(next, vma);
      long pgoff = vma.pgoff(start);
      if (leftSide) {
        tree.remove(vma);
      } else {
        hugePmd.splitAtBorder(vma, start);
        vma.setRange(vma.start(), start, vma.pgoff());
      }
      next.setRange(start, next.end(), pgoff);
    }
    Vma target = left ? previous : next;
    target.setFlags(target.flags() | sticky);
    return target;
  }

  /** Splits a VMA at an address inside it; the upper part is new. */
  Vma splitAbove(Vma vma, long address) {
    hugePmd.splitAtBorder(vma, address);
    Vma upper = vma.copy(vma.mm(), address, vma.end(), vma.pgoff(address));
    AnonVma.copy(upper, vma);
    vma.setRange(vma.start(), address, vma.pgoff());
    vma.mm().vmas().insert(upper);
    return upper;
  }

  /** A neighbour's anon_vma that a VMA's first fault may share (find_mergeable_anon_vma). */
  static AnonVma mergeableAnon(Vma vma) {
    VmaTree tree = vma.mm().vmas();
    Vma next = tree.next(vma);
    if (next != null && adjoins(vma, next) && sharesAnon(next)) {
      return next.anonVma();
    }
    Vma previous = tree.previous(vma);
    if (previous != null && adjoins(previous, vma) && sharesAnon(previous)) {
      return previous.anonVma();
    }
    return null;
  }

  private static boolean sharesAnon(Vma vma) {
    return vma.anonVma() != null && vma.anonChain().size() == 1;
  }

  private static boolean adjoins(Vma a, Vma b) {
    return a.end() == b.start()
        && a.file() == b.file()
        && ((a.flags() ^ b.flags()) & ~(VmFlags.ACCESS | STICKY)) == 0
        && b.pgoff() == a.pgoff(b.start());
  }
}
