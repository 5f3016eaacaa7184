package dev.quire.kernel.filemap;

import dev.quire.kernel.mm.Errno;
import dev.quire.kernel.mm.FaultContext;
import dev.quire.kernel.mm.FileKind;
import dev.quire.kernel.mm.VmFault;
import dev.quire.kernel.mm.VmOps;
import dev.quire.kernel.page.PageFlag;

/**
 * A memfd whose pages are frames set aside for it, one behind the other, beyond what the page
 * allocator has: page n of the file is frame n of the run. What they hold is somebody else's, a
 * client that shares its memory: nothing is ever cleared or moved. For mm it is shmem with pages of
 * the base size. Used on the kernel's thread.
 */
final class LentFile extends ModelledFile implements VmOps {
  private final LentFrames lent;
  private final FaultAround around;

  /**
   * @param firstPfn in base pages of the kernel; nobody else has the run while the file is open
   */
  LentFile(FileServices services, long firstPfn, long pages) {
    super(FileKind.MEMFD, services, pages);
    this.lent = new LentFrames(services, cache(), firstPfn);
    this.around = new FaultAround(this, true);
  }

  @Override
  public VmOps operations(long vmFlags) {
    return this;
  }

  @Override
  public boolean isShmem() {
    return true;
  }

  @Override
  public boolean faultsAround() {
    return true;
  }

  @Override
  public int mapPages(FaultContext fault, long firstPgoff, long lastPgoff) {
    return around.map(fault, firstPgoff, lastPgoff);
  }

  @Override
  public long fault(FaultContext fault) {
    long index = fault.pgoff();
    if (index >= sizeInPages()) {
      return VmFault.SIGBUS;
    }
    return lent.grab(index, PageFlag.UPTODATE | PageFlag.SWAPBACKED | PageFlag.DIRTY);
  }

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
    return -Errno.EOPNOTSUPP;
  }

  @Override
  public long truncate(long bytes) {
    return -Errno.EINVAL;
  }
}
