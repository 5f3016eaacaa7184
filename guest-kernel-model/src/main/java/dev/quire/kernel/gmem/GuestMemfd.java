package dev.quire.kernel.gmem;

import dev.quire.kernel.filemap.FileServices;
import dev.quire.kernel.filemap.GrabDesign;
import dev.quire.kernel.filemap.LentFrames;
import dev.quire.kernel.filemap.ModelledFile;
import dev.quire.kernel.filemap.PageCache;
import dev.quire.kernel.mm.DefaultLlseek;
import dev.quire.kernel.mm.Errno;
import dev.quire.kernel.mm.FaultContext;
import dev.quire.kernel.mm.FileKind;
import dev.quire.kernel.mm.KernelProfile;
import dev.quire.kernel.mm.UffdFileOps;
import dev.quire.kernel.mm.VmFault;
import dev.quire.kernel.mm.VmFlags;
import dev.quire.kernel.mm.VmOps;
import dev.quire.kernel.mm.Vma;
import dev.quire.kernel.page.PageFlag;
import dev.quire.kernel.stat.Primitive;
import java.util.ArrayList;
import java.util.List;

/**
 * A guest_memfd: single pages that are up to date from their first use on, no reading, no changing
 * of its size, nothing mapped round a fault. It belongs to one VM, whose memory slots are bound to
 * parts of it.
 *
 * <p>write(2) and lseek(2) are what Linux v6.18 does not have; with a {@link GrabDesign} they are
 * as in the series ({@link GuestMemfdWrite}). Source: Linux v6.18 virt/kvm/guest_memfd.c.
 */
public final class GuestMemfd extends ModelledFile implements VmOps, UffdFileOps {
  /** GUEST_MEMFD_FLAG_MMAP: user space may map it. */
  public static final int MMAP = 1;

  /** GUEST_MEMFD_FLAG_INIT_SHARED: and touch what it mapped. */
  public static final int INIT_SHARED = 2;

  /**
   * GUEST_MEMFD_FLAG_NO_DIRECT_MAP of the series: its pages are in no mapping of the kernel, and so
   * no system call gets at them (mail 20250828093902.2719-1-roypat@amazon.co.uk).
   */
  public static final int NO_DIRECT_MAP = 4;

  /** {@link #guestPage}: the page is broken. */
  public static final long POISONED = -2;

  private final GuestMemfdUser vm;
  private final int flags;

  /** Null where there is none. */
  private final GuestMemfdWrite write;

  /** Where its pages are, and {@code shared}, if not where the kernel allocates; or null. */
  private final LentFrames lent;

  private final SharedBytes shared;

  /** First page and the one behind the last of each bound slot. */
  private final List<long[]> bindings = new ArrayList<>();

  private boolean open = true;

  /**
   * A file of no VM.
   *
   * @param writeDesign how write populates, or null where there is no write
   */
  public GuestMemfd(FileServices services, long pages, int flags, GrabDesign writeDesign) {
    this(services, pages, flags, writeDesign, null);
  }

  /**
   * @param writeDesign how write populates, or null where there is no write
   * @param vm whose file it is
   */
  public GuestMemfd(
      FileServices services, long pages, int flags, GrabDesign writeDesign, GuestMemfdUser vm) {
    this(services, pages, flags, writeDesign, vm, null);
  }

  private GuestMemfd(
      FileServices services,
      long pages,
      int flags,
      GrabDesign writeDesign,
      GuestMemfdUser vm,
      SharedBytes shared) {
    super(FileKind.GUEST_MEMFD, services, pages);
    this.shared = shared;
    this.lent = shared == null ? null : new LentFrames(services, cache(), shared.firstPfn());
    this.flags = flags;
    this.write =
        writeDesign == null
            ? null
            : new GuestMemfdWrite(
                this, services, lent == null ? writeDesign : GrabDesign.ONE_BY_ONE, shared);
    this.vm = vm;
  }

  /**
   * A file whose bytes a process that the kernel does not model can have mapped.
   *
   * @param writeDesign null where there is no write; its pages are taken one by one in any case
   */
  public static GuestMemfd shared(
      FileServices services,
      long pages,
      int flags,
      GrabDesign writeDesign,
      GuestMemfdUser vm,
      SharedBytes bytes) {
    return new GuestMemfd(services, pages, flags, writeDesign, vm, bytes);
  }

  /**
   * What KVM_CREATE_GUEST_MEMFD answers before it makes a file: 0, or -EINVAL.
   *
   * @param privateMemory whether the VM's memory can be private: then it cannot begin shared
   * @param bytes as the caller gave it, unsigned
   */
  public static long creationError(
      KernelProfile profile, boolean privateMemory, long pageBytes, long bytes, long flags) {
    long known = MMAP;
    known |= privateMemory ? 0 : INIT_SHARED;
    known |= profile.guestMemfdNoDirectMap() ? NO_DIRECT_MAP : 0;
    boolean legal = (flags & ~known) == 0 && bytes > 0 && (bytes & pageBytes - 1) == 0;
    return legal ? 0 : -Errno.EINVAL;
  }

  /**
   * Binds a part of the file to a memory slot (kvm_gmem_bind).
   *
   * @param of the VM of the slot
   * @param offset in bytes
   * @return 0 or -EINVAL
   */
  public long bind(GuestMemfdUser of, long offset, long bytes) {
    if (of != vm
        || !open
        || offset < 0
        || !pageAligned(offset)
        // Signed, so that an end at 2^63 passes, as it does in kvm_gmem_bind.
        || offset + bytes > size()) {
      return -Errno.EINVAL;
    }
    long first = offset >>> pageShift();
    long end = first + (bytes >>> pageShift());
    for (long[] other : bindings) {
      if (first < other[1] && other[0] < end) {
        return -Errno.EINVAL;
      }
    }
    bindings.add(new long[] {first, end});
    return 0;
  }

  /** The slot that begins at this page of the file is gone (kvm_gmem_unbind). */
  public void unbind(long firstPage) {
    bindings.removeIf(bound -> bound[0] == firstPage);
  }

  @Override
  public boolean isUnevictable() {
    return true;
  }

  /** Whether the file can be mapped: then all a guest gets of a slot bound to it is the file's. */
  public boolean isMappable() {
    return (flags & MMAP) != 0;
  }

  /** Whether somebody still has the file open; a guest cannot reach the pages of a closed one. */
  public boolean isOpen() {
    return open;
  }

  /**
   * The page of the file for a guest, cleared if it is new (kvm_gmem_get_pfn).
   *
   * @return its base page, with a reference taken; {@link PageCache#NONE} without memory; {@link
   *     #POISONED}
   */
  public long guestPage(long pgoff) {
    long page = grab(pgoff);
    if (page != PageCache.NONE && frames().is(page, PageFlag.HWPOISON)) {
      services().folios().put(page, 1);
      return POISONED;
    }
    return page;
  }

  /** The page is mapped into the guest now, which takes no reference. */
  public void putGuestPage(long page) {
    services().folios().put(page, 1);
  }

  /** A page of the file that holds something: zeros if it is new. */
  private long grab(long pgoff) {
    long folio = grabPage(pgoff);
    if (folio != PageCache.NONE) {
      makeUptodate(folio);
    }
    return folio;
  }

  /** A page of the file as it is. */
  long grabPage(long pgoff) {
    return lent == null ? cache().grab(pgoff) : lent.grab(pgoff, 0);
  }

  /** Whether a process that the kernel does not model may touch what it mapped. */
  public boolean isTouchable() {
    return (flags & MMAP) != 0 && (flags & INIT_SHARED) != 0;
  }

  @Override
  public boolean noDirectMap() {
    return (flags & NO_DIRECT_MAP) != 0;
  }

  @Override
  protected void released() {
    open = false;
    invalidateStart(0, sizeInPages());
    invalidateEnd(0, sizeInPages());
    bindings.clear();
    if (lent != null) {
      lent.release(0, sizeInPages() - 1);
    }
  }

  private void invalidateStart(long first, long end) {
    if (vm != null) {
      vm.invalidateStart(this, first, end);
    }
  }

  private void invalidateEnd(long first, long end) {
    if (vm != null) {
      vm.invalidateEnd(this, first, end);
    }
  }

  /** Its mount is noexec. */
  @Override
  public boolean noExec() {
    return true;
  }

  @Override
  public long mmapError(long vmFlags, long offset, long bytes) {
    if ((vmFlags & VmFlags.EXEC) != 0) {
      // Its mount is noexec, which mmap looks at before it asks the file.
      return -Errno.EPERM;
    }
    if ((flags & MMAP) == 0) {
      return -Errno.ENODEV;
    }
    return (vmFlags & VmFlags.SHARED) == 0 ? -Errno.EINVAL : 0;
  }

  @Override
  public VmOps operations(long vmFlags) {
    return (flags & MMAP) == 0 ? null : this;
  }

  @Override
  public long fault(FaultContext fault) {
    if (fault.pgoff() >= sizeInPages() || (flags & INIT_SHARED) == 0) {
      return VmFault.SIGBUS;
    }
    long folio = grab(fault.pgoff());
    return folio == PageCache.NONE ? VmFault.OOM : folio;
  }

  void makeUptodate(long folio) {
    if (!frames().is(folio, PageFlag.UPTODATE)) {
      services().counters().count(Primitive.PAGE_CLEAR);
      if (lent == null) {
        services().contents().cleared(folio, 0);
      }
      frames().set(folio, PageFlag.UPTODATE);
    }
  }

  /**
   * As Linux 7.1 has it (mail 20260306171815.3160826-1-rppt@kernel.org); mm does not ask before.
   */
  @Override
  public UffdFileOps uffd() {
    return this;
  }

  @Override
  public boolean canRegister(Vma vma, long modes) {
    return (flags & INIT_SHARED) != 0;
  }

  @Override
  public long cachedPage(long pgoff) {
    long folio = cache().getReferenced(pgoff);
    if (folio == PageCache.NONE) {
      return -Errno.ENOENT;
    }
    services().folios().lru().markAccessed(folio);
    makeUptodate(folio);
    return folio;
  }

  @Override
  public long add(long pgoff, long page) {
    return cache().add(page, pgoff) ? 0 : -Errno.EEXIST;
  }

  @Override
  public void remove(long page) {
    cache().remove(page);
  }

  @Override
  public long read(long offset, long bytes) {
    return -Errno.EINVAL;
  }

  @Override
  public long truncate(long bytes) {
    return -Errno.EINVAL;
  }

  @Override
  public long fsync() {
    return -Errno.EINVAL;
  }

  @Override
  public long fallocate(int mode, long offset, long bytes) {
    long error = allocationError(offset, bytes);
    if (error != 0) {
      return error;
    }
    if ((mode & KEEP_SIZE) == 0 || (mode & ~(KEEP_SIZE | PUNCH_HOLE)) != 0) {
      return -Errno.EOPNOTSUPP;
    }
    if (!pageAligned(offset | bytes)) {
      return -Errno.EINVAL;
    }
    services().counters().count(Primitive.SYSCALL);
    if ((mode & PUNCH_HOLE) != 0) {
      long first = offset >>> pageShift();
      long end = offset + bytes >>> pageShift();
      invalidateStart(first, end);
      if (lent != null) {
        punchLent(first, Math.min(end, sizeInPages()));
      } else {
        punch(offset, bytes);
      }
      invalidateEnd(first, end);
      return 0;
    }
    if (offset + bytes > size()) {
      return -Errno.EINVAL;
    }
    long end = offset + bytes >>> pageShift();
    for (long index = offset >>> pageShift(); index < end; index++) {
      long folio = grabPage(index);
      if (folio == PageCache.NONE) {
        return -Errno.ENOMEM;
      }
      services().folios().put(folio, 1);
    }
    return 0;
  }

  private void punchLent(long first, long end) {
    if (first < end) {
      if (!mappings().isEmpty()) {
        services().mappings().unmap(mappings(), first, end - first, false);
      }
      lent.release(first, end - 1);
      shared.punched(first, end - first);
    }
  }

  private boolean pageAligned(long bytes) {
    return (bytes & (1L << pageShift()) - 1) == 0;
  }

  @Override
  public boolean hasPread() {
    return false;
  }

  @Override
  public boolean hasPwrite() {
    return write != null;
  }

  /** The series that add write set FMODE_LSEEK, too. */
  @Override
  public long llseek(long position, long offset, int whence) {
    return write == null ? -Errno.ESPIPE : DefaultLlseek.target(size(), position, offset, whence);
  }

  /** Why a write is refused before a page is looked at: 0 or -EINVAL. */
  public long writeError(long offset, long bytes) {
    return write == null ? -Errno.EINVAL : write.error(offset, bytes);
  }

  /**
   * Populates a range: whole pages within the file, none of which may be populated already.
   *
   * @return the bytes written up to the first page that could not be; -errno if that was the first
   */
  @Override
  public long write(long offset, long bytes, long userAddress) {
    return write(
        offset,
        bytes,
        (index, page) -> {
          long from = userAddress == NO_BYTES ? NO_BYTES : userAddress + (index << pageShift());
          services().contents().fromUser(page, 0, 1L << pageShift(), from);
          return true;
        });
  }

  /** The same with bytes from anywhere. */
  public long write(long offset, long bytes, PageSource source) {
    long error = writeError(offset, bytes);
    return error != 0 ? error : write.populate(offset, bytes, source);
  }
}
