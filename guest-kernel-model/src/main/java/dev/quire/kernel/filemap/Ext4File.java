package dev.quire.kernel.filemap;

import dev.quire.kernel.mm.Errno;
import dev.quire.kernel.mm.FaultContext;
import dev.quire.kernel.mm.FileKind;
import dev.quire.kernel.mm.VmFault;
import dev.quire.kernel.mm.VmOps;
import dev.quire.kernel.mm.Vma;
import dev.quire.kernel.page.FrameTable;
import dev.quire.kernel.page.PageFlag;
import dev.quire.kernel.stat.Primitive;
import dev.quire.kernel.stat.VmEvent;

/**
 * A regular file of an ext4 with large folios: read through readahead, written back by fsync, its
 * shared mappings write-protected until a page of them is dirtied. Blocks are as large as base
 * pages, and the disk is never full.
 *
 * <p>Source: Linux v6.18 mm/filemap.c (filemap_fault, filemap_read, generic_perform_write,
 * __filemap_get_folio), mm/fadvise.c, mm/truncate.c; ext4 journals metadata only and allocates
 * late, so a dirty folio has buffers that cannot be released.
 */
public final class Ext4File extends ModelledFile implements VmOps {
  private final FaultAround around;
  private final Readahead readahead;
  private final int maxOrder;

  /**
   * A new, empty file.
   *
   * @param pages its size in base pages
   */
  public Ext4File(FileServices services, long pages) {
    super(FileKind.EXT4, services, pages);
    this.maxOrder = services.settings().maxFolioOrder();
    this.around = new FaultAround(this, false);
    this.readahead = new Readahead(services, maxOrder, this);
  }

  @Override
  public VmOps operations(long vmFlags) {
    return this;
  }

  @Override
  public boolean faultsAround() {
    return true;
  }

  @Override
  public int mapPages(FaultContext fault, long firstPgoff, long lastPgoff) {
    int mapped = around.map(fault, firstPgoff, lastPgoff);
    readahead.mapped(around.hits());
    return mapped;
  }

  @Override
  public boolean tracksWrites() {
    return true;
  }

  @Override
  public int pageMkwrite(FaultContext fault, long pfn) {
    markDirty(frames().folioOf(pfn));
    return 0;
  }

  /** A page that is not there is read, and the fault begun again: it may map round it then. */
  @Override
  public long fault(FaultContext fault) {
    Vma vma = fault.vma();
    long index = fault.pgoff();
    if (index >= sizeInPages()) {
      return VmFault.SIGBUS;
    }
    long folio = cache().getReferenced(index);
    if (folio != PageCache.NONE) {
      if (!fault.isMajor()) {
        boolean marker = frames().is(folio, PageFlag.READAHEAD);
        readahead.faultHit(vma, folio, index);
        if (marker && !frames().is(folio, PageFlag.READAHEAD)) {
          services().folios().put(folio, 1);
          return VmFault.AGAIN;
        }
      }
      return cache().page(folio, index);
    }
    services().counters().event(VmEvent.PGMAJFAULT);
    fault.setMajor();
    readahead.faultMissed(vma, index);
    if (cache().get(index) == PageCache.NONE && !readOne(index)) {
      return VmFault.OOM;
    }
    return VmFault.AGAIN;
  }

  private boolean readOne(long index) {
    long folio = services().folios().allocator().allocate(0);
    if (folio == FrameTable.NONE) {
      return false;
    }
    cache().add(folio, index);
    services().contents().fromFile(folio, 1, this, index);
    frames().set(folio, PageFlag.UPTODATE);
    services().folios().put(folio, 1);
    return true;
  }

  /** folio_mark_dirty: takes the readahead marker, whose bit writeback uses, away. */
  private void markDirty(long folio) {
    frames().clear(folio, PageFlag.READAHEAD);
    if (!frames().is(folio, PageFlag.DIRTY)) {
      frames().set(folio, PageFlag.DIRTY);
      cache().tagDirty(folio, true);
    }
  }

  @Override
  public long write(long offset, long bytes, long userAddress) {
    long error = rangeError(offset, bytes);
    if (error != 0) {
      return error;
    }
    services().counters().count(Primitive.SYSCALL);
    long chunk = 1L << maxOrder + pageShift();
    long position = offset;
    long end = offset + bytes;
    while (position < end) {
      long length = Math.min(chunk - (position & chunk - 1), end - position);
      long index = position >>> pageShift();
      long folio = folioToWrite(index, length);
      if (folio == PageCache.NONE) {
        break;
      }
      long folioEnd = frames().index(folio) + frames().pages(folio) << pageShift();
      long from = position;
      position = Math.min(position + length, folioEnd);
      readUnwritten(folio, from, position);
      copyIn(folio, from, position, offset, userAddress);
      services()
          .counters()
          .count(Primitive.USER_COPY, services().settings().pagesUp(position) - index);
      frames().set(folio, PageFlag.UPTODATE);
      markDirty(folio);
      setSize(Math.max(size(), position));
    }
    return position > offset || bytes == 0 ? position - offset : -Errno.ENOMEM;
  }

  /** What is not written of a folio that holds nothing yet comes from the disk. */
  private void readUnwritten(long folio, long from, long to) {
    int pages = frames().pages(folio);
    long index = frames().index(folio);
    boolean whole = from == index << pageShift() && to == index + pages << pageShift();
    if (!whole && !frames().is(folio, PageFlag.UPTODATE)) {
      services().contents().fromFile(folio, pages, this, index);
    }
  }

  /** The folio of an index, or a new one as large as what is written and its place allow. */
  private long folioToWrite(long index, long bytes) {
    long present = cache().get(index);
    if (present != PageCache.NONE) {
      return present;
    }
    int order = Long.SIZE - 1 - Long.numberOfLeadingZeros(bytes >>> pageShift() | 1);
    order = Math.min(Math.min(order, maxOrder), Long.numberOfTrailingZeros(index));
    for (; order >= 0; order--) {
      long folio = services().folios().allocator().allocate(order);
      if (folio == FrameTable.NONE) {
        continue;
      }
      boolean added = cache().add(folio, index);
      services().folios().put(folio, 1);
      if (added) {
        return folio;
      }
    }
    return PageCache.NONE;
  }

  @Override
  public long read(long offset, long bytes) {
    long error = rangeError(offset, bytes);
    if (error != 0) {
      return error;
    }
    services().counters().count(Primitive.SYSCALL);
    long wanted = services().settings().pagesUp(offset + bytes);
    long end = Math.min(offset + bytes, size());
    long position = offset;
    while (position < end) {
      long next = readBatch(position >>> pageShift(), wanted);
      if (next < 0) {
        break;
      }
      long behind = Math.min(end, next << pageShift());
      services()
          .counters()
          .count(
              Primitive.USER_COPY,
              services().settings().pagesUp(behind) - (position >>> pageShift()));
      position = behind;
    }
    if (position > offset) {
      readahead.readTo(position >>> pageShift());
    }
    return position > offset || offset >= end ? Math.max(0, position - offset) : -Errno.ENOMEM;
  }

  /** Folios that one look into the cache hands over (PAGEVEC_SIZE). */
  private static final int READ_BATCH = 31;

  /**
   * Makes sure of a run of pages from {@code index}, {@code wanted} at most, and reads ahead where
   * the run ends on a marker (filemap_get_pages).
   *
   * @return the page behind the run, or -1 without memory
   */
  private long readBatch(long index, long wanted) {
    if (cache().get(index) == PageCache.NONE) {
      readahead.missed(index, wanted - index);
      if (cache().get(index) == PageCache.NONE && !readOne(index)) {
        return -1;
      }
    }
    long next = index;
    for (int i = 0; i < READ_BATCH && next < wanted; i++) {
      long folio = cache().get(next);
      if (folio == PageCache.NONE) {
        break;
      }
      services().folios().lru().markAccessed(folio);
      long first = frames().index(folio);
      next = first + frames().pages(folio);
      if (frames().is(folio, PageFlag.READAHEAD)) {
        readahead.reachedMarker(folio, first, wanted - first);
        break;
      }
    }
    return next;
  }

  /** Punching stops at the page with the file's end. */
  @Override
  public long fallocate(int mode, long offset, long bytes) {
    long error = fallocateError(mode, offset, bytes);
    if (error != 0) {
      return error;
    }
    services().counters().count(Primitive.SYSCALL);
    if ((mode & PUNCH_HOLE) != 0) {
      long end = Math.min(offset + bytes, sizeInPages() << pageShift());
      if (offset < size()) {
        punch(offset, end - offset);
      }
      return 0;
    }
    if ((mode & KEEP_SIZE) == 0) {
      setSize(Math.max(size(), offset + bytes));
    }
    return 0;
  }

  @Override
  public long truncate(long bytes) {
    if (bytes < 0) {
      return -Errno.EINVAL;
    }
    services().counters().count(Primitive.SYSCALL);
    long old = size();
    setSize(bytes);
    if (bytes < old) {
      removeBehind(bytes);
    }
    return 0;
  }

  @Override
  boolean canRelease(long folio) {
    return !frames().is(folio, PageFlag.DIRTY);
  }

  @Override
  public long fsync() {
    services().counters().count(Primitive.SYSCALL);
    writeBack(0, Long.MAX_VALUE);
    return 0;
  }

  private void writeBack(long firstPage, long lastPage) {
    for (long folio = cache().firstDirty(firstPage, lastPage); folio != PageCache.NONE; ) {
      cache().tagDirty(folio, false);
      frames().clear(folio, PageFlag.DIRTY);
      long index = frames().index(folio);
      int pages = frames().pages(folio);
      if (frames().folioMapCount(folio) > 0) {
        services().mappings().clean(mappings(), index, pages);
      }
      folio = cache().firstDirty(index + pages, lastPage);
    }
  }

  /**
   * POSIX_FADV_DONTNEED: folios that lie in the range altogether, are clean and in nobody's use go.
   * Writeback of dirty ones is begun; it takes longer than the call.
   */
  @Override
  public long dropCache(long offset, long bytes) {
    if (offset < 0 || bytes < 0) {
      return -Errno.EINVAL;
    }
    services().counters().count(Primitive.SYSCALL);
    long lastByte = bytes == 0 || offset + bytes < 0 ? Long.MAX_VALUE : offset + bytes - 1;
    long first = services().settings().pagesUp(offset);
    long last = lastByte >>> pageShift();
    boolean partial = (lastByte + 1 & (1L << pageShift()) - 1) != 0 && lastByte != size() - 1;
    if (partial) {
      last--;
    }
    if (last < first) {
      return 0;
    }
    services().folios().lru().drain();
    for (long from = first; from <= last; ) {
      long folio = cache().first(from, last);
      if (folio == PageCache.NONE) {
        break;
      }
      long index = frames().index(folio);
      int pages = frames().pages(folio);
      from = index + pages;
      if (index >= first
          && from - 1 <= last
          && !frames().is(folio, PageFlag.DIRTY)
          && frames().refCount(folio) == pages) {
        cache().remove(folio);
      }
    }
    writeBack(offset >>> pageShift(), lastByte >>> pageShift());
    return 0;
  }

  @Override
  public long willNeed(long offset, long bytes) {
    if (offset < 0 || bytes < 0) {
      return -Errno.EINVAL;
    }
    long first = offset >>> pageShift();
    long end = bytes == 0 ? sizeInPages() : services().settings().pagesUp(offset + bytes);
    readahead.willNeed(first, end - first);
    return 0;
  }
}
