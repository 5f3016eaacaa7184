package dev.quire.kernel.mm;

/**
 * mremap(2) (Linux v6.18 mm/mremap.c, do_mremap). Results are addresses or -errno. Used on the
 * kernel's thread.
 */
final class RemapCall {
  private static final int KNOWN = Mman.MREMAP_MAYMOVE | Mman.MREMAP_FIXED | Mman.MREMAP_DONTUNMAP;

  private final Kernel kernel;
  private final VmaEdits edits;
  private final MapCalls maps;
  private final MoveTables moveTables;
  private final Populate populate;

  RemapCall(
      Kernel kernel, VmaEdits edits, MapCalls maps, MoveTables moveTables, Populate populate) {
    this.kernel = kernel;
    this.edits = edits;
    this.maps = maps;
    this.moveTables = moveTables;
    this.populate = populate;
  }

  /** The events of the call under way: of what had to go first, of the move, of the rest. */
  private UffdEvents early;

  private UffdEvents remaps;
  private UffdEvents late;

  /** One call's arguments, or those of one VMA of it. */
  private record Args(long address, long oldBytes, long newBytes, int flags, long newAddress) {
    boolean is(int flag) {
      return (flags & flag) != 0;
    }

    /** Whether the caller says where to: FIXED or DONTUNMAP. */
    boolean impliesAddress() {
      return is(Mman.MREMAP_FIXED | Mman.MREMAP_DONTUNMAP);
    }

    /** Lengths in whole huge pages; null where an address is not, or it would grow. */
    Args aligned(HugetlbSize size) {
      Args whole =
          new Args(address, size.alignUp(oldBytes), size.alignUp(newBytes), flags, newAddress);
      boolean legal =
          size.isAligned(address) && size.isAligned(newAddress) && whole.newBytes <= whole.oldBytes;
      return legal ? whole : null;
    }

    Args withOldBytes(long bytes) {
      return new Args(address, bytes, newBytes, flags, newAddress);
    }
  }

  long mremap(
      Process task, long address, long oldBytes, long newBytes, int flags, long newAddress) {
    early = new UffdEvents();
    remaps = new UffdEvents();
    late = new UffdEvents();
    Args args = new Args(address, maps.align(oldBytes), maps.align(newBytes), flags, newAddress);
    MmStruct mm = task.mm();
    long error = checkArguments(mm, args);
    if (error != 0) {
      return error;
    }
    if (args.is(Mman.MREMAP_FIXED) && args.oldBytes == args.newBytes) {
      return notify(task, moveAll(task, args), args, false);
    }
    Vma vma = mm.vmas().find(address);
    args = aligned(vma, args);
    error = checkVma(vma, args);
    if (error != 0) {
      return error;
    }
    boolean locked = vma.is(VmFlags.LOCKED);
    long result = args.impliesAddress() ? moveTo(task, args) : resize(task, vma, args);
    return notify(task, result, args, locked);
  }

  /** What is left once the mappings have changed: locked memory is populated, events are sent. */
  private long notify(Process task, long result, Args args, boolean locked) {
    if (result < 0) {
      remaps.retract();
    }
    early.append(remaps);
    early.append(late);
    UffdEvents events = early;
    if (result < 0 || !locked || args.newBytes <= args.oldBytes) {
      return events.complete(task, result);
    }
    return populate(task, result + args.oldBytes, result, args, events);
  }

  private long populate(Process task, long from, long result, Args args, UffdEvents events) {
    if (populate.range(task, from, result + args.newBytes, true) == Populate.BLOCKED) {
      long at = populate.blockedAt();
      return ContinuedCall.block(
          task, task.blockedOn(), () -> populate(task, at, result, args, events));
    }
    return events.complete(task, result);
  }

  /** check_mremap_params. */
  private long checkArguments(MmStruct mm, Args args) {
    if ((args.flags & ~KNOWN) != 0
        || !maps.isAligned(args.address)
        || args.newBytes == 0
        || Long.compareUnsigned(args.newBytes, kernel.taskSize()) > 0) {
      return -Errno.EINVAL;
    }
    if (!args.impliesAddress()) {
      return 0;
    }
    long overlapEnd = args.address + args.oldBytes;
    if (Long.compareUnsigned(args.newAddress, kernel.taskSize() - args.newBytes) > 0
        || !maps.isAligned(args.newAddress)
        || !args.is(Mman.MREMAP_MAYMOVE)
        || args.is(Mman.MREMAP_DONTUNMAP) && args.oldBytes != args.newBytes
        || overlapEnd > args.newAddress && args.newAddress + args.newBytes > args.address) {
      return -Errno.EINVAL;
    }
    return mm.vmas().size() + 2 >= MapCalls.MAX_MAPPINGS - 3 ? -Errno.ENOMEM : 0;
  }

  /** align_hugetlb: huge pages are moved whole, and their mappings never grow. */
  private static Args aligned(Vma vma, Args args) {
    return vma == null || !vma.isHugetlb() ? args : args.aligned(vma.hugetlb().size());
  }

  /** check_prep_vma. */
  private long checkVma(Vma vma, Args args) {
    if (vma == null) {
      return -Errno.EFAULT;
    }
    if (args == null) {
      return -Errno.EINVAL;
    }
    boolean expands = args.newBytes > args.oldBytes;
    if (!expands && !args.impliesAddress()) {
      return 0;
    }
    if (args.oldBytes == 0 && (vma.flags() & (VmFlags.SHARED | VmFlags.MAYSHARE)) == 0) {
      return -Errno.EINVAL;
    }
    boolean rigid = (vma.flags() & (VmFlags.DONTEXPAND | VmFlags.PFNMAP)) != 0;
    if (args.is(Mman.MREMAP_DONTUNMAP) && rigid) {
      return -Errno.EINVAL;
    }
    long kept = Math.min(args.oldBytes, args.newBytes);
    if (Long.compareUnsigned(kept, vma.end() - args.address) > 0) {
      return -Errno.EFAULT;
    }
    return expands && rigid ? -Errno.EFAULT : 0;
  }

  /** remap_move: a plain move, of any number of VMAs; gaps between them stay. */
  private long moveAll(Process task, Args args) {
    MmStruct mm = task.mm();
    long end = args.address + args.oldBytes;
    long at = args.address;
    long result = -Errno.EFAULT;
    while (at < end) {
      Vma vma = mm.vmas().findAfter(at);
      if (vma == null || vma.start() >= end) {
        break;
      }
      if (at == args.address && vma.start() > at) {
        return -Errno.EFAULT;
      }
      if (vma.isUffdArmed() && (at != args.address || vma.end() < end)) {
        // vma_multi_allowed: its event needs the lock that all moves are under.
        return -Errno.EFAULT;
      }
      long from = Math.max(vma.start(), args.address);
      long bytes = Math.min(end, vma.end()) - from;
      long to = args.newAddress + from - args.address;
      Args one = aligned(vma, new Args(from, bytes, bytes, args.flags, to));
      long error = checkVma(vma, one);
      long moved = error != 0 ? error : moveTo(task, one);
      if (moved < 0) {
        return moved;
      }
      result = result < 0 ? moved : result;
      at = from + bytes;
    }
    return result;
  }

  /** mremap_to. */
  private long moveTo(Process task, Args args) {
    MmStruct mm = task.mm();
    if (args.is(Mman.MREMAP_FIXED)) {
      long error = maps.munmapRange(mm, args.newAddress, args.newAddress + args.newBytes, early);
      if (error != 0) {
        return error;
      }
    }
    Args moved = args;
    if (args.oldBytes > args.newBytes) {
      long error =
          maps.munmapRange(mm, args.address + args.newBytes, args.address + args.oldBytes, late);
      if (error != 0) {
        return error;
      }
      moved = args.withOldBytes(args.newBytes);
    }
    Vma vma = mm.vmas().find(args.address);
    if (vma == null) {
      return -Errno.EFAULT;
    }
    long target = maps.placeLike(vma, args.newAddress, args.newBytes, args.is(Mman.MREMAP_FIXED));
    return target < 0 ? target : move(task, vma, moved, target);
  }

  /** mremap_at. */
  private long resize(Process task, Vma vma, Args args) {
    MmStruct mm = task.mm();
    if (args.newBytes == args.oldBytes) {
      return args.address;
    }
    if (args.newBytes < args.oldBytes) {
      long error =
          maps.munmapRange(mm, args.address + args.newBytes, args.address + args.oldBytes, late);
      return error != 0 ? error : args.address;
    }
    if (vma.end() - args.address == args.oldBytes
        && expand(mm, vma, args.newBytes - args.oldBytes)) {
      return args.address;
    }
    if (!args.is(Mman.MREMAP_MAYMOVE)) {
      return -Errno.ENOMEM;
    }
    long target = maps.placeLike(vma, 0, args.newBytes, false);
    return target < 0 ? target : move(task, vma, args, target);
  }

  /** Grows a VMA in place if the room behind it is free. */
  private boolean expand(MmStruct mm, Vma vma, long bytes) {
    long end = vma.end();
    if (end + bytes < end
        || end + bytes > kernel.taskSize()
        || !mm.vmas().isFree(end, end + bytes)) {
      return false;
    }
    Vma grown =
        edits.mergeNew(
            mm, end, end + bytes, vma.flags(), vma.pgoff(end), vma.file(), vma.ops(), vma);
    if (grown == null) {
      vma.setRange(vma.start(), end + bytes, vma.pgoff());
    }
    if (vma.is(VmFlags.LOCKED)) {
      mm.addLocked(bytes >>> kernel.pageShift());
    }
    return true;
  }

  /** move_vma. */
  private long move(Process task, Vma vma, Args args, long target) {
    MmStruct mm = task.mm();
    if (mm.vmas().size() >= MapCalls.MAX_MAPPINGS - 3) {
      return -Errno.ENOMEM;
    }
    long pgoff = vma.pgoff(args.address);
    if (vma.isAnonymous() && vma.anonVma() == null) {
      pgoff = target >>> kernel.pageShift();
    }
    long end = target + args.newBytes;
    Vma to = edits.mergeNew(mm, target, end, vma.flags(), pgoff, vma.file(), vma.ops(), vma);
    if (to == null) {
      to = vma.copy(mm, target, end, pgoff);
      AnonVma.copy(to, vma);
      mm.vmas().insert(to);
    }
    // The source may have been merged into the new one.
    Vma from = mm.vmas().find(args.address);
    long done = moveTables.move(from, to, args.address, target, args.oldBytes);
    if (from.isHugetlb()) {
      // The new mapping has all reservations now (fixup_hugetlb_reservations).
      from.hugetlb().disown();
    }
    if (done < args.oldBytes) {
      moveTables.move(to, from, target, args.address, done);
      maps.munmapRange(mm, target, end, late);
      return -Errno.ENOMEM;
    }
    remaps.remap(to, args.address, target, args.oldBytes);
    if (from.is(VmFlags.LOCKED)) {
      mm.addLocked(args.newBytes >>> kernel.pageShift());
    }
    if (args.is(Mman.MREMAP_DONTUNMAP)) {
      leaveBehind(mm, from, to, args);
    } else {
      maps.munmapRange(mm, args.address, args.address + args.oldBytes, late);
    }
    return target;
  }

  /** dontunmap_complete. */
  private void leaveBehind(MmStruct mm, Vma from, Vma to, Args args) {
    if (from.is(VmFlags.LOCKED)) {
      mm.addLocked(-(from.bytes() >>> kernel.pageShift()));
    }
    from.setFlags(from.flags() & ~(VmFlags.LOCKED | VmFlags.LOCKONFAULT));
    if (from != to && from.start() == args.address && from.end() == args.address + args.oldBytes) {
      AnonVma.unlink(from);
    }
  }
}
