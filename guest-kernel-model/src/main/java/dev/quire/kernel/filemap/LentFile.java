package dev.quire.kernel.filemap;

import dev.quire.kernel.mm.Errno;
import dev.quire.kernel.mm.FaultContext;
import dev.quire.kernel.mm.FileKind;
import dev.quire.kernel.mm.VmFault;
import dev.quire.kernel.mm.VmFlags;
import dev.quire.kernel.mm.Vma;
import dev.quire.kernel.page.PageFlag;

/**
 * A memfd whose pages are frames set aside for it, one behind the other, beyond what the page
 * allocator has: page n of the file is frame n of the run. What they hold is somebody else's, a
 * client that shares its memory: nothing is ever cleared or moved. For mm it is shmem with pages of
 * the base size. Used on the kernel's thread.
 *
 * <p>A page is in the file's cache once somebody had to do with it. Until then it is missing for a
 * userfaultfd; fallocate puts it there, and punching a hole takes it away, without the bytes, which
 * are the owner's to throw away.
 */
public final class LentFile extends ShmemLike {
  private final LentFrames lent;

  /**
   * @param firstPfn in base pages of the kernel; nobody else has the run while the file is open
   */
  public LentFile(FileServices services, long firstPfn, long pages) {
    super(FileKind.MEMFD, services, pages);
    this.lent = new LentFrames(services, cache(), firstPfn);
  }

  @Override
  public long fault(FaultContext fault) {
    long index = fault.pgoff();
    if (index >= sizeInPages()) {
      return VmFault.SIGBUS;
    }
    Vma vma = fault.vma();
    if (vma.is(VmFlags.UFFD_MISSING) && !cached(index)) {
      return vma.uffd().fault(fault, VmFlags.UFFD_MISSING);
    }
    return grab(index);
  }

  private long grab(long index) {
    return lent.grab(index, PageFlag.UPTODATE | PageFlag.SWAPBACKED | PageFlag.DIRTY);
  }

  @Override
  public long cachedPage(long pgoff) {
    return cached(pgoff) ? grab(pgoff) : -Errno.ENOENT;
  }

  /** {@inheritDoc} No page but its own frame can be one of the file's. */
  @Override
  public long add(long pgoff, long page) {
    return -Errno.EEXIST;
  }

  @Override
  public void remove(long page) {}

  /** Takes the frames back before the cache lets go of what would else be freed. */
  @Override
  protected void released() {
    lent.release(0, sizeInPages() - 1);
  }

  @Override
  public long write(long offset, long bytes, long userAddress) {
    return -Errno.EINVAL;
  }

  @Override
  public long read(long offset, long bytes) {
    return -Errno.EINVAL;
  }

  @Override
  public long fallocate(int mode, long offset, long bytes) {
    long error = allocationError(offset, bytes);
    if (error != 0 || offset + bytes > size()) {
      return error != 0 ? error : -Errno.EINVAL;
    }
    long first = offset >>> pageShift();
    long end = services().settings().pagesUp(offset + bytes);
    if (mode == (KEEP_SIZE | PUNCH_HOLE)) {
      services().mappings().unmap(mappings(), first, end - first, false);
      lent.release(first, end - 1);
      return 0;
    }
    if (mode != 0) {
      return -Errno.EOPNOTSUPP;
    }
    for (long index = first; index < end; index++) {
      services().folios().put(grab(index), 1);
    }
    return 0;
  }

  @Override
  public long truncate(long bytes) {
    return -Errno.EINVAL;
  }
}
