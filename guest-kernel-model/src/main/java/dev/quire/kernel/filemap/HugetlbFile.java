package dev.quire.kernel.filemap;

import dev.quire.kernel.mm.Errno;
import dev.quire.kernel.mm.FaultContext;
import dev.quire.kernel.mm.FileKind;
import dev.quire.kernel.mm.FileMappings;
import dev.quire.kernel.mm.Hugetlb;
import dev.quire.kernel.mm.HugetlbInode;
import dev.quire.kernel.mm.HugetlbSize;
import dev.quire.kernel.mm.ReservationMap;
import dev.quire.kernel.mm.VmOps;
import dev.quire.kernel.page.FrameTable;
import dev.quire.kernel.page.PageFlag;

/**
 * A file of hugetlb pages: its size changes by whole huge pages, nothing writes to it but stores
 * through a mapping, and its pages come out of a pool with their reservations. Faults are mm's
 * ({@code HugetlbFault}). Used on the kernel's thread.
 *
 * <p>Source: Linux v6.18 fs/hugetlbfs/inode.c.
 */
public final class HugetlbFile implements HugetlbInode, VmOps {
  private static final int KEEP_SIZE = 1;
  private static final int PUNCH_HOLE = 2;

  private final FileServices services;
  private final Hugetlb hugetlb;
  private final HugetlbSize hugeSize;
  private final PageCache cache;
  private final FileMappings mappings = new FileMappings();
  private final ReservationMap reservations = new ReservationMap();
  private long size;
  private int users = 1;

  /**
   * @param pages in base pages, a multiple of the huge page's
   */
  public HugetlbFile(FileServices services, Hugetlb hugetlb, HugetlbSize hugeSize, long pages) {
    this.services = services;
    this.hugetlb = hugetlb;
    this.hugeSize = hugeSize;
    this.cache = new PageCache(services.folios(), services.counters());
    this.size = pages << services.settings().pageShift();
  }

  @Override
  public HugetlbSize hugetlbSize() {
    return hugeSize;
  }

  @Override
  public ReservationMap reservations() {
    return reservations;
  }

  @Override
  public long folio(long pgoff) {
    return cache.get(pgoff);
  }

  @Override
  public void insert(long folio, long pgoff) {
    cache.addHugetlb(folio, pgoff);
    services.frames().clear(folio, PageFlag.RESTORE_RESERVE);
    services.frames().set(folio, PageFlag.DIRTY);
  }

  @Override
  public void growTo(long bytes) {
    size = Math.max(size, bytes);
  }

  @Override
  public FileKind kind() {
    return FileKind.HUGETLB;
  }

  @Override
  public long size() {
    return size;
  }

  @Override
  public boolean writable() {
    return true;
  }

  @Override
  public FileMappings mappings() {
    return mappings;
  }

  @Override
  public VmOps operations(long vmFlags) {
    return this;
  }

  @Override
  public long fault(FaultContext fault) {
    throw new IllegalStateException("a fault of a hugetlb mapping in the code for small pages");
  }

  @Override
  public long mmapError(long vmFlags, long offset, long bytes) {
    return offset < 0 || (offset & hugeSize.bytes() - 1) != 0 || offset + bytes < 0
        ? -Errno.EINVAL
        : 0;
  }

  /** There is no write_iter. */
  @Override
  public long write(long offset, long bytes, long userAddress) {
    return -Errno.EINVAL;
  }

  /** Holes read as zeros. */
  @Override
  public long read(long offset, long bytes) {
    if (offset < 0 || bytes < 0) {
      return -Errno.EINVAL;
    }
    return Math.max(0, Math.min(bytes, size - offset));
  }

  @Override
  public long fallocate(int mode, long offset, long bytes) {
    if (offset < 0 || bytes <= 0) {
      return -Errno.EINVAL;
    }
    if ((mode & ~(KEEP_SIZE | PUNCH_HOLE)) != 0 || mode == PUNCH_HOLE) {
      return -Errno.EOPNOTSUPP;
    }
    if (offset + bytes < 0) {
      return -Errno.EFBIG;
    }
    if ((mode & PUNCH_HOLE) != 0) {
      punch(offset, offset + bytes);
      return 0;
    }
    long end = offset + bytes + hugeSize.bytes() - 1 >>> pageShift() & -hugeSize.pages();
    for (long pgoff = firstPage(offset); pgoff < end; pgoff += hugeSize.pages()) {
      if (cache.get(pgoff) == PageCache.NONE) {
        long folio = hugetlb.allocate(this, pgoff);
        if (folio == FrameTable.NONE) {
          return -Errno.ENOSPC;
        }
        insert(folio, pgoff);
        services.folios().put(folio, 1);
      }
    }
    if ((mode & KEEP_SIZE) == 0) {
      growTo(offset + bytes);
    }
    return 0;
  }

  private int pageShift() {
    return services.settings().pageShift();
  }

  /** The first base page of the huge page that holds a byte. */
  private long firstPage(long offset) {
    return offset >>> pageShift() & -hugeSize.pages();
  }

  /** hugetlbfs_punch_hole: huge pages that lie in it only partly are cleared there. */
  private void punch(long start, long end) {
    long from = start + hugeSize.bytes() - 1 & -hugeSize.bytes();
    long to = end & -hugeSize.bytes();
    if (from > to) {
      clear(start, end);
      return;
    }
    clear(start, from);
    clear(to, end);
    if (to > from) {
      services.mappings().unmap(mappings, from >>> pageShift(), to - from >>> pageShift(), false);
      remove(from >>> pageShift(), to >>> pageShift(), false);
    }
  }

  /** Clears the base pages that lie wholly in a part of one huge page. */
  private void clear(long start, long end) {
    long page = services.settings().pagesUp(start);
    long last = Math.min(end, size) >>> pageShift();
    long folio = page < last ? cache.get(page) : PageCache.NONE;
    if (folio != PageCache.NONE) {
      hugetlb.clearPages(cache.page(folio, page), last - page);
    }
  }

  /** remove_inode_hugepages. */
  private void remove(long firstPage, long endPage, boolean truncated) {
    long freed = 0;
    long folio = cache.first(firstPage, endPage - 1);
    while (folio != PageCache.NONE) {
      long index = services.frames().index(folio) >>> hugeSize.order();
      cache.remove(folio);
      if (!truncated) {
        hugetlb.unreserve(this, index, index + 1, 1);
      }
      freed++;
      folio = cache.first(firstPage, endPage - 1);
    }
    if (truncated) {
      hugetlb.unreserve(this, firstPage >>> hugeSize.order(), Long.MAX_VALUE, freed);
    }
  }

  @Override
  public long truncate(long bytes) {
    if (bytes < 0 || (bytes & hugeSize.bytes() - 1) != 0) {
      return -Errno.EINVAL;
    }
    size = bytes;
    long first = bytes >>> pageShift();
    services.mappings().unmap(mappings, first, Long.MAX_VALUE - first, true);
    remove(first, Long.MAX_VALUE, true);
    return 0;
  }

  @Override
  public long fsync() {
    return 0;
  }

  @Override
  public long dropCache(long offset, long bytes) {
    return bytes < 0 ? -Errno.EINVAL : 0;
  }

  @Override
  public long willNeed(long offset, long bytes) {
    return bytes < 0 ? -Errno.EINVAL : 0;
  }

  @Override
  public long cachedPages() {
    return cache.pages();
  }

  @Override
  public void replaceFolio(long folio, long by) {
    cache.replace(folio, by);
  }

  @Override
  public boolean cached(long pgoff) {
    return cache.get(pgoff) != PageCache.NONE;
  }

  @Override
  public long collapse(long pgoff) {
    return -Errno.EINVAL;
  }

  @Override
  public long hugeFolio(long pgoff) {
    return cache.get(pgoff);
  }

  @Override
  public void get() {
    users++;
  }

  @Override
  public void put() {
    users--;
    if (users == 0) {
      remove(0, Long.MAX_VALUE, true);
    } else if (users < 0) {
      throw new IllegalStateException("file closed more often than opened");
    }
  }
}
