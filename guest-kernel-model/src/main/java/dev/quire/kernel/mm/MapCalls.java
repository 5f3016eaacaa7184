package dev.quire.kernel.mm;

import dev.quire.kernel.gather.MmuGather;
import java.util.ArrayList;
import java.util.List;

/**
 * mmap(2) and munmap(2) (Linux v6.18 mm/mmap.c, mm/vma.c). Results are addresses or -errno. Used on
 * the kernel's thread.
 */
final class MapCalls {
  /** vm.max_map_count. */
  static final int MAX_MAPPINGS = 65530;

  /** MAX_LFS_FILESIZE: nothing of a file lies behind it. */
  private static final long MAX_LFS_FILESIZE = Long.MAX_VALUE;

  private static final long MMAP_GAP = 128L << 20;

  private final Kernel kernel;
  private final VmaEdits edits;
  private final ZapRange zap;
  private final Populate populate;

  /** Mappings of hugetlb pages that were unmapped, until their pages are freed. */
  private final List<Vma> closing = new ArrayList<>();

  MapCalls(Kernel kernel, VmaEdits edits, ZapRange zap, Populate populate) {
    this.kernel = kernel;
    this.edits = edits;
    this.zap = zap;
    this.populate = populate;
  }

  /** {@code bytes} rounded up to pages; 0 if that overflows. */
  long align(long bytes) {
    return bytes + kernel.pageBytes() - 1 & -kernel.pageBytes();
  }

  boolean isAligned(long address) {
    return (address & kernel.pageBytes() - 1) == 0;
  }

  long mmap(Process task, long hint, long bytes, int prot, int flags, OpenFile file, long offset) {
    boolean anonymous = (flags & Mman.MAP_ANONYMOUS) != 0;
    if (!isAligned(offset)) {
      return -Errno.EINVAL;
    }
    if (!anonymous && file == null) {
      return -Errno.EBADF;
    }
    boolean asksHuge = (flags & Mman.MAP_HUGETLB) != 0;
    HugetlbSize huge =
        anonymous ? asksHuge ? kernel.hugetlb().requested(flags) : null : Hugetlb.sizeOf(file);
    if (asksHuge && huge == null) {
      return -Errno.EINVAL;
    }
    long length = huge == null ? bytes : huge.alignUp(bytes);
    if (huge == null || !anonymous) {
      return map(task, hint, length, prot, flags, anonymous ? null : file, huge, offset);
    }
    if (length == 0) {
      return -Errno.EINVAL;
    }
    OpenFile unnamed = kernel.hugetlb().open(huge.bytes(), length >>> kernel.pageShift());
    if (unnamed == null) {
      return -Errno.ENODEV;
    }
    long mapped = map(task, hint, length, prot, flags, unnamed, huge, 0);
    unnamed.put();
    return mapped;
  }

  /** do_mmap. */
  private long map(
      Process task,
      long hint,
      long bytes,
      int prot,
      int flags,
      OpenFile file,
      HugetlbSize huge,
      long offset) {
    MmStruct mm = task.mm();
    if (bytes == 0) {
      return -Errno.EINVAL;
    }
    long length = align(bytes);
    if (length == 0 || Long.compareUnsigned(length, kernel.taskSize()) > 0) {
      return -Errno.ENOMEM;
    }
    if ((offset >>> kernel.pageShift()) + (length >>> kernel.pageShift())
        < offset >>> kernel.pageShift()) {
      return -Errno.EOVERFLOW;
    }
    if (mm.vmas().size() > MAX_MAPPINGS) {
      return -Errno.ENOMEM;
    }
    boolean fixedNoReplace = (flags & Mman.MAP_FIXED_NOREPLACE) != 0;
    boolean fixed = fixedNoReplace || (flags & Mman.MAP_FIXED) != 0;
    long address =
        huge == null
            ? place(mm, hint, length, fixed, file == null)
            : placeHugetlb(mm, hint, length, fixed, huge);
    if (address < 0) {
      return address;
    }
    if (fixedNoReplace && !mm.vmas().isFree(address, address + length)) {
      return -Errno.EEXIST;
    }
    if (file != null
        && offset >>> kernel.pageShift() > MAX_LFS_FILESIZE - length >>> kernel.pageShift()) {
      return -Errno.EOVERFLOW;
    }
    long vmFlags = vmFlags(prot, flags, file);
    if (vmFlags < 0) {
      return vmFlags;
    }
    UffdEvents events = new UffdEvents();
    long mapped = region(mm, address, length, vmFlags, file, huge, offset, events);
    boolean populates =
        mapped >= 0
            && ((vmFlags & VmFlags.LOCKED) != 0
                || (flags & (Mman.MAP_POPULATE | Mman.MAP_NONBLOCK)) == Mman.MAP_POPULATE);
    return events.complete(
        task,
        () -> {
          if (populates) {
            populate.range(task, mapped, mapped + length, true);
          }
          return mapped;
        });
  }

  /** Flags of the new VMA, or -errno: the access checks of do_mmap. */
  private long vmFlags(int prot, int flags, OpenFile file) {
    long vmFlags =
        (prot & (Mman.PROT_READ | Mman.PROT_WRITE | Mman.PROT_EXEC))
            | VmFlags.MAYREAD
            | VmFlags.MAYWRITE
            | VmFlags.MAYEXEC;
    if ((flags & Mman.MAP_LOCKED) != 0) {
      vmFlags |= VmFlags.LOCKED;
    }
    int type = flags & Mman.MAP_TYPE;
    boolean shared = type == Mman.MAP_SHARED || file != null && type == Mman.MAP_SHARED_VALIDATE;
    if (!shared && type != Mman.MAP_PRIVATE) {
      return -Errno.EINVAL;
    }
    if (shared) {
      if (file != null && !file.writable() && (prot & Mman.PROT_WRITE) != 0) {
        return -Errno.EACCES;
      }
      vmFlags |= VmFlags.SHARED | VmFlags.MAYSHARE;
      if (file != null && !file.writable()) {
        vmFlags &= ~(VmFlags.MAYWRITE | VmFlags.SHARED);
      }
    }
    if (file != null && file.noExec()) {
      if ((vmFlags & VmFlags.EXEC) != 0) {
        return -Errno.EPERM;
      }
      vmFlags &= ~VmFlags.MAYEXEC;
    }
    if ((flags & Mman.MAP_NORESERVE) != 0) {
      vmFlags |= VmFlags.NORESERVE;
    }
    return vmFlags;
  }

  /** Where a mapping goes (get_unmapped_area), or -errno. */
  long place(MmStruct mm, long hint, long length, boolean fixed, boolean mayAlignHuge) {
    if (Long.compareUnsigned(length, kernel.taskSize()) > 0) {
      return -Errno.ENOMEM;
    }
    if (fixed) {
      if (Long.compareUnsigned(hint, kernel.taskSize() - length) > 0) {
        return -Errno.ENOMEM;
      }
      return isAligned(hint) ? hint : -Errno.EINVAL;
    }
    long wanted = align(hint);
    if (wanted != 0
        && Long.compareUnsigned(wanted, kernel.taskSize() - length) <= 0
        && mm.vmas().isFree(wanted, wanted + length)) {
      return wanted;
    }
    long pmd = kernel.pmdBytes();
    if (mayAlignHuge && hint == 0 && (length & pmd - 1) == 0) {
      long roomy = topDown(mm, length + pmd);
      if (roomy >= 0) {
        return roomy + pmd - 1 & -pmd;
      }
    }
    return topDown(mm, length);
  }

  /** Where a mapping like another one goes. */
  long placeLike(Vma vma, long hint, long length, boolean fixed) {
    return vma.isHugetlb()
        ? placeHugetlb(vma.mm(), hint, length, fixed, vma.hugetlb().size())
        : place(vma.mm(), hint, length, fixed, vma.isAnonymous());
  }

  /** hugetlb_get_unmapped_area: whole huge pages. */
  private long placeHugetlb(MmStruct mm, long hint, long length, boolean fixed, HugetlbSize huge) {
    if (fixed && !huge.isAligned(hint)) {
      return -Errno.EINVAL;
    }
    long wanted = huge.alignUp(hint);
    long limit = kernel.taskSize() - length;
    if (fixed
        || wanted != 0
            && Long.compareUnsigned(wanted, limit) <= 0
            && mm.vmas().isFree(wanted, wanted + length)) {
      return Long.compareUnsigned(wanted, limit) > 0 ? -Errno.ENOMEM : wanted;
    }
    long roomy = topDown(mm, length + huge.bytes() - kernel.pageBytes());
    return roomy < 0 ? roomy : huge.alignUp(roomy);
  }

  /** A mapping of hugetlb pages is merged with none, locked never, and reserves its pages. */
  private long insertHugetlb(
      MmStruct mm, long address, long length, long flags, OpenFile file, long pgoff) {
    long vmFlags = flags & ~(VmFlags.LOCKED | VmFlags.LOCKONFAULT);
    vmFlags |= VmFlags.HUGETLB | VmFlags.DONTEXPAND;
    VmOps ops = file.operations(vmFlags);
    Vma vma = new Vma(mm, address, address + length, vmFlags, pgoff, file, ops);
    long error = kernel.hugetlb().prepare(vma);
    if (error == 0) {
      mm.vmas().insert(vma);
    }
    return error == 0 ? address : error;
  }

  private long topDown(MmStruct mm, long length) {
    long limit = kernel.taskSize() - MMAP_GAP & -kernel.pageBytes();
    VmaTree tree = mm.vmas();
    for (int i = tree.size() - 1; i >= -1; i--) {
      long floor = i < 0 ? kernel.pmdBytes() : tree.get(i).end();
      if (limit - length >= floor) {
        return limit - length;
      }
      if (i >= 0) {
        limit = Math.min(limit, tree.get(i).start());
      }
    }
    return -Errno.ENOMEM;
  }

  /** mmap_region. */
  private long region(
      MmStruct mm,
      long address,
      long length,
      long flags,
      OpenFile file,
      HugetlbSize huge,
      long offset,
      UffdEvents events) {
    long vmFlags = flags;
    OpenFile backing = file;
    long pgoff = file == null ? address >>> kernel.pageShift() : offset >>> kernel.pageShift();
    boolean shared = (flags & VmFlags.MAYSHARE) != 0;
    if (file == null && shared) {
      FileSystems files = kernel.fileSystems();
      backing =
          files == null
              ? null
              : files.open(FileKind.SHARED_ANONYMOUS, length >>> kernel.pageShift());
      pgoff = 0;
      if (backing == null) {
        return -Errno.ENODEV;
      }
    }
    long error = munmapRange(mm, address, address + length, events);
    if (error == 0 && backing != null) {
      // The file is asked last: where it refuses, what was mapped there is gone.
      error = backing.mmapError(vmFlags, offset, length);
    }
    if (error != 0) {
      return error;
    }
    if (huge != null) {
      return insertHugetlb(mm, address, length, vmFlags, file, pgoff);
    }
    // accountable_mapping
    if ((vmFlags & (VmFlags.NORESERVE | VmFlags.SHARED | VmFlags.WRITE)) == VmFlags.WRITE) {
      vmFlags |= VmFlags.ACCOUNT;
    }
    VmOps ops = backing == null ? null : backing.operations(vmFlags);
    if (edits.mergeNew(mm, address, address + length, vmFlags, pgoff, backing, ops, null) == null) {
      mm.vmas().insert(new Vma(mm, address, address + length, vmFlags, pgoff, backing, ops));
    }
    if ((vmFlags & VmFlags.LOCKED) != 0) {
      mm.addLocked(length >>> kernel.pageShift());
    }
    if (file == null && backing != null) {
      // The mapping holds the unnamed file from now on.
      backing.put();
    }
    return address;
  }

  long munmap(Process task, long address, long bytes) {
    MmStruct mm = task.mm();
    long limit = kernel.taskSize();
    if (!isAligned(address)
        || Long.compareUnsigned(address, limit) > 0
        || Long.compareUnsigned(bytes, limit - address) > 0) {
      return -Errno.EINVAL;
    }
    long end = address + align(bytes);
    if (end == address) {
      return -Errno.EINVAL;
    }
    UffdEvents events = new UffdEvents();
    return events.complete(task, munmapRange(mm, address, end, events));
  }

  /** Unmaps a page-aligned range (do_vmi_munmap): 0 or -errno; the caller sends the events. */
  long munmapRange(MmStruct mm, long start, long end, UffdEvents events) {
    VmaTree tree = mm.vmas();
    Vma first = tree.findAfter(start);
    if (first == null || first.start() >= end) {
      return 0;
    }
    if (start > first.start()) {
      if (end < first.end() && tree.size() >= MAX_MAPPINGS) {
        return -Errno.ENOMEM;
      }
      if (!first.maySplit(start)) {
        return -Errno.EINVAL;
      }
      edits.splitAbove(first, start);
    }
    Vma last = tree.find(end - 1);
    if (last != null && last.end() > end) {
      if (!last.maySplit(end)) {
        return -Errno.EINVAL;
      }
      edits.splitAbove(last, end);
    }
    MmuGather gather = kernel.gather();
    gather.start(mm.id(), false);
    mm.invalidateStart(start, end - start);
    int index = tree.indexAfter(start);
    for (int i = index; i < tree.size() && tree.get(i).start() < end; i++) {
      events.unmap(tree.get(i), start, end);
      zap.zapUnmapped(gather, tree.get(i), tree.get(i).start(), tree.get(i).end());
    }
    while (index < tree.size() && tree.get(index).start() < end) {
      Vma vma = tree.get(index);
      if (vma.is(VmFlags.LOCKED)) {
        mm.addLocked(-(vma.bytes() >>> kernel.pageShift()));
      }
      remove(tree, vma);
    }
    freeTables(mm, gather, start, end);
    mm.invalidateEnd(start, end - start);
    gather.finish();
    close();
    return 0;
  }

  private void remove(VmaTree tree, Vma vma) {
    if (vma.isHugetlb()) {
      vma.file().get();
      closing.add(vma);
    }
    tree.remove(vma);
  }

  /** remove_vma, when nothing is left of the mappings: vm_ops->close, and the file is let go. */
  private void close() {
    for (Vma vma : closing) {
      kernel.hugetlb().reservations.close(vma);
      vma.file().put();
    }
    closing.clear();
  }

  /** free_pgtables: those of the hole that a range is now part of. */
  private static void freeTables(MmStruct mm, MmuGather gather, long start, long end) {
    long floor = start == 0 ? 0 : mm.vmas().endBefore(start);
    long ceiling = mm.vmas().startAfter(end, Long.MAX_VALUE >>> 1);
    PageTables tables = mm.tables();
    tables.freeHole(
        floor,
        ceiling,
        start,
        end,
        (table, address, bytes) -> gather.addTable(table.frame, address, bytes, table.level));
  }

  /** exit_mmap: everything goes at once. */
  void unmapAll(MmStruct mm) {
    MmuGather gather = kernel.gather();
    gather.start(mm.id(), true);
    VmaTree tree = mm.vmas();
    mm.invalidateStart(0, Long.MAX_VALUE);
    for (int i = 0; i < tree.size(); i++) {
      zap.zapUnmapped(gather, tree.get(i), tree.get(i).start(), tree.get(i).end());
    }
    while (tree.size() > 0) {
      remove(tree, tree.get(tree.size() - 1));
    }
    freeTables(mm, gather, 0, kernel.taskSize());
    mm.invalidateEnd(0, Long.MAX_VALUE);
    gather.finish();
    close();
    mm.tables().freeRoot();
  }
}
