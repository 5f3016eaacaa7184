package dev.quire.kernel.filemap;

import dev.quire.kernel.mm.DefaultLlseek;
import dev.quire.kernel.mm.Errno;
import dev.quire.kernel.mm.FileKind;
import dev.quire.kernel.mm.FileMappings;
import dev.quire.kernel.mm.OpenFile;
import dev.quire.kernel.page.FrameTable;
import dev.quire.kernel.page.PageFlag;

/**
 * What all files of the model have in common: an inode with a size and a page cache, opened once.
 * The file goes with its last user. Used on the kernel's thread.
 */
public abstract class ModelledFile implements OpenFile {
  /** FALLOC_FL_KEEP_SIZE and FALLOC_FL_PUNCH_HOLE. */
  protected static final int KEEP_SIZE = 1;

  protected static final int PUNCH_HOLE = 2;

  private final FileKind kind;
  private final FileServices services;
  private final PageCache cache;
  private final FileMappings mappings = new FileMappings();
  private Truncation truncation;
  private long size;
  private int users = 1;

  protected ModelledFile(FileKind kind, FileServices services, long pages) {
    this.kind = kind;
    this.services = services;
    this.cache = new PageCache(services.folios(), services.counters());
    this.size = pages << services.settings().pageShift();
  }

  protected final FileServices services() {
    return services;
  }

  protected final FrameTable frames() {
    return services.frames();
  }

  /** The file's cached pages. */
  public final PageCache cache() {
    return cache;
  }

  @Override
  public final FileKind kind() {
    return kind;
  }

  @Override
  public final long size() {
    return size;
  }

  protected final void setSize(long bytes) {
    size = bytes;
  }

  /** Pages that the file's size takes. */
  public final long sizeInPages() {
    return services.settings().pagesUp(size);
  }

  protected final int pageShift() {
    return services.settings().pageShift();
  }

  @Override
  public boolean writable() {
    return true;
  }

  @Override
  public final FileMappings mappings() {
    return mappings;
  }

  @Override
  public final boolean cached(long pgoff) {
    long folio = cache.get(pgoff);
    return folio != PageCache.NONE && frames().is(folio, PageFlag.UPTODATE);
  }

  @Override
  public final long cachedPages() {
    return cache.pages();
  }

  @Override
  public final void replaceFolio(long folio, long by) {
    cache.replace(folio, by);
    services.folios().addToLru(by);
  }

  @Override
  public long mmapError(long vmFlags, long offset, long bytes) {
    return 0;
  }

  /** Why a range of a read or write is refused: 0 or -errno. */
  protected static long rangeError(long offset, long bytes) {
    if (offset < 0 || bytes < 0) {
      return -Errno.EINVAL;
    }
    return offset + bytes < 0 ? -Errno.EFBIG : 0;
  }

  /** As {@link #rangeError}, of fallocate, which refuses a length of 0. */
  protected static long allocationError(long offset, long bytes) {
    if (offset < 0 || bytes <= 0) {
      return -Errno.EINVAL;
    }
    return offset + bytes < 0 ? -Errno.EFBIG : 0;
  }

  /**
   * Why a file system of {@link #KEEP_SIZE} and {@link #PUNCH_HOLE} refuses a fallocate: 0 or
   * -errno.
   */
  protected static long fallocateError(int mode, long offset, long bytes) {
    long error = allocationError(offset, bytes);
    boolean known = (mode & ~(KEEP_SIZE | PUNCH_HOLE)) == 0 && mode != PUNCH_HOLE;
    return error != 0 || known ? error : -Errno.EOPNOTSUPP;
  }

  /**
   * write(2) puts bytes into a folio: those of the file from {@code from} to {@code to}.
   *
   * @param offset where the call began
   * @param userAddress of the byte at {@code offset}, or {@link #NO_BYTES}
   */
  protected final void copyIn(long folio, long from, long to, long offset, long userAddress) {
    if (userAddress == NO_BYTES) {
      return;
    }
    long first = frames().index(folio);
    for (long at = from; at < to; ) {
      long index = at >>> pageShift();
      long stop = Math.min(to, index + 1 << pageShift());
      long inPage = at - (index << pageShift());
      services
          .contents()
          .fromUser(folio + index - first, inPage, stop - at, userAddress + at - offset);
      at = stop;
    }
  }

  private Truncation truncation() {
    if (truncation == null) {
      truncation = new Truncation(this);
    }
    return truncation;
  }

  /** Unmaps the whole pages of a range and takes it out of the cache. */
  protected final void punch(long offset, long bytes) {
    long first = services.settings().pagesUp(offset);
    long end = offset + bytes >>> pageShift();
    if (end > first && !mappings.isEmpty()) {
      services.mappings().unmap(mappings, first, end - first, false);
    }
    truncation().remove(offset, offset + bytes - 1);
  }

  /** Unmaps what lies behind {@code bytes}, private copies too, and takes it out of the cache. */
  protected final void removeBehind(long bytes) {
    long first = services.settings().pagesUp(bytes);
    if (!mappings.isEmpty()) {
      services.mappings().unmap(mappings, first, Long.MAX_VALUE - first, true);
    }
    truncation().remove(bytes, Long.MAX_VALUE);
  }

  /** Whether a folio's private data can be dropped, so that it may be split. */
  boolean canRelease(long folio) {
    return true;
  }

  /** A folio is about to lose some of its pages. */
  void partlyRemoved(long folio) {}

  /** Pages of the file that a split keeps though nothing else holds them. */
  long pagesKeptBySplit() {
    return sizeInPages();
  }

  /** Pages that are not there are holes, and behind the last is one (mapping_seek_hole_data). */
  @Override
  public long llseek(long position, long offset, int whence) {
    boolean data = whence == DefaultLlseek.SEEK_DATA;
    if (!data && whence != DefaultLlseek.SEEK_HOLE) {
      return DefaultLlseek.target(size, position, offset, whence);
    }
    if (offset < 0 || offset >= size) {
      return -Errno.ENXIO;
    }
    long at = offset;
    while (at < size && cached(at >>> pageShift()) != data) {
      at = (at >>> pageShift()) + 1 << pageShift();
    }
    if (at < size) {
      return at;
    }
    return data ? -Errno.ENXIO : size;
  }

  @Override
  public long fsync() {
    return 0;
  }

  @Override
  public long dropCache(long offset, long bytes) {
    return offset < 0 || bytes < 0 ? -Errno.EINVAL : 0;
  }

  @Override
  public long willNeed(long offset, long bytes) {
    return offset < 0 || bytes < 0 ? -Errno.EINVAL : 0;
  }

  @Override
  public long collapse(long pgoff) {
    return -Errno.EINVAL;
  }

  @Override
  public final long hugeFolio(long pgoff) {
    return cache.get(pgoff);
  }

  /** The last user is gone; its pages go next. */
  protected void released() {}

  @Override
  public final void get() {
    users++;
  }

  @Override
  public final void put() {
    users--;
    if (users == 0) {
      released();
      truncation().remove(0, Long.MAX_VALUE);
    } else if (users < 0) {
      throw new IllegalStateException("file closed more often than opened");
    }
  }
}
