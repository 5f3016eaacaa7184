package dev.quire.kernel.gmem;

import dev.quire.kernel.filemap.FileServices;
import dev.quire.kernel.filemap.GrabDesign;
import dev.quire.kernel.filemap.PageCache;
import dev.quire.kernel.mm.Errno;
import dev.quire.kernel.page.PageFlag;
import dev.quire.kernel.stat.Primitive;

/**
 * write(2) of a guest_memfd, which populates it: mail 20250303130838.28812-2-kalyazin@amazon.com
 * one page at a time, mail 20250110154659.95464-3-kalyazin@amazon.com in batches. On the kernel's
 * thread.
 */
final class GuestMemfdWrite {
  private final GuestMemfd file;
  private final FileServices services;
  private final GrabDesign design;
  private final SharedBytes shared;
  private final int pageShift;
  private final long[] batch = new long[PageCache.BATCH];

  /**
   * @param design how the pages are taken
   * @param shared what a process that the kernel does not model may have touched, or null
   */
  GuestMemfdWrite(GuestMemfd file, FileServices services, GrabDesign design, SharedBytes shared) {
    this.file = file;
    this.services = services;
    this.design = design;
    this.shared = shared;
    pageShift = services.settings().pageShift();
  }

  /** Why a write is refused before a page is looked at: 0 or -EINVAL. */
  long error(long offset, long bytes) {
    boolean legal =
        offset >= 0
            && bytes >= 0
            && ((offset | bytes) & (1L << pageShift) - 1) == 0
            && offset + bytes >= 0
            && offset + bytes <= file.size();
    return legal ? 0 : -Errno.EINVAL;
  }

  /** Populates a range that {@link #error} does not refuse: bytes written, or -errno. */
  long populate(long offset, long bytes, PageSource source) {
    services.counters().count(Primitive.SYSCALL);
    long start = offset >>> pageShift;
    long end = start + (bytes >>> pageShift);
    long index = start;
    long error = 0;
    if (design != GrabDesign.ONE_BY_ONE) {
      while (index + PageCache.BATCH <= end && error == 0) {
        int written = writeBatch(index, source, index - start);
        error = Math.min(written, 0);
        index += Math.max(written, 0);
        if (written < PageCache.BATCH) {
          break;
        }
      }
    }
    while (index < end && error == 0) {
      error = writeOne(index, source, index - start);
      index += error == 0 ? 1 : 0;
    }
    return index > start ? index - start << pageShift : error;
  }

  private int writeBatch(long index, PageSource source, long sourceIndex) {
    int count = file.cache().grabAll(index, PageCache.BATCH, batch, design);
    if (count <= 0) {
      return count == PageCache.EXISTS ? -Errno.EEXIST : -Errno.ENOMEM;
    }
    int written = 0;
    int error = 0;
    while (written < count && error == 0) {
      error = fill(batch[written], source, sourceIndex + written);
      written += error == 0 ? 1 : 0;
    }
    for (int i = 0; i < count; i++) {
      services.folios().put(batch[i], 1);
    }
    return written > 0 ? written : error;
  }

  private long writeOne(long index, PageSource source, long sourceIndex) {
    long folio = file.grabPage(index);
    if (folio == PageCache.NONE) {
      return -Errno.EFAULT;
    }
    if (shared != null && shared.isTouched(index)) {
      file.makeUptodate(folio);
    }
    int error = fill(folio, source, sourceIndex);
    services.folios().put(folio, 1);
    return error;
  }

  /** Copies a page from the caller unless it holds something, or is broken. */
  private int fill(long folio, PageSource source, long sourceIndex) {
    if (services.frames().is(folio, PageFlag.HWPOISON)) {
      return -Errno.EFAULT;
    }
    if (services.frames().is(folio, PageFlag.UPTODATE)) {
      return -Errno.ENOSPC;
    }
    if (!source.copy(sourceIndex, folio)) {
      return -Errno.EINVAL;
    }
    services.counters().count(Primitive.USER_COPY);
    services.frames().set(folio, PageFlag.UPTODATE);
    return 0;
  }
}
