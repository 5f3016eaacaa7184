package dev.quire.kernel.filemap;

import dev.quire.kernel.mm.Errno;
import dev.quire.kernel.mm.FaultContext;
import dev.quire.kernel.mm.FileKind;
import dev.quire.kernel.mm.VmFault;
import dev.quire.kernel.mm.VmFlags;
import dev.quire.kernel.mm.Vma;
import dev.quire.kernel.page.FrameTable;
import dev.quire.kernel.page.PageFlag;
import dev.quire.kernel.stat.MthpStat;
import dev.quire.kernel.stat.Primitive;
import dev.quire.kernel.stat.VmEvent;

/**
 * A file of shmem: a memfd, a file of a tmpfs, or what lies behind shared anonymous memory. All of
 * it is in memory; there is no swap. Source: Linux v6.18 mm/shmem.c.
 */
public final class ShmemFile extends ShmemLike {
  /** What a folio is wanted for (enum sgp_type). */
  private enum Use {
    FAULT,
    WRITE,
    ALLOCATE
  }

  private final ShmemOrders orders;

  /** Pages that fallocate committed, behind the end of the file too. */
  private long allocatedEnd;

  /**
   * A new, empty file.
   *
   * @param kind MEMFD, TMPFS or SHARED_ANONYMOUS
   * @param pages its size in base pages
   */
  public ShmemFile(FileKind kind, FileServices services, long pages) {
    super(kind, services, pages);
    this.orders = new ShmemOrders(services.settings(), kind);
  }

  @Override
  public long thpOrders(Vma vma) {
    return orders.allowed(vma, vma.pgoff(), sizeInPages(), false);
  }

  @Override
  public boolean collapses(Vma vma) {
    int pmd = 1 << services().settings().pmdOrder();
    return (orders.allowed(vma, vma.pgoff(), sizeInPages(), true) & pmd) != 0;
  }

  @Override
  public long fault(FaultContext fault) {
    long index = fault.pgoff();
    if (index >= sizeInPages()) {
      return VmFault.SIGBUS;
    }
    Vma vma = fault.vma();
    if ((vma.flags() & (VmFlags.UFFD_MISSING | VmFlags.UFFD_MINOR)) != 0) {
      boolean cached = cache().get(index) != PageCache.NONE;
      long reason = cached ? VmFlags.UFFD_MINOR : VmFlags.UFFD_MISSING;
      if (vma.is(reason)) {
        return vma.uffd().fault(fault, reason);
      }
    }
    long folio = folioFor(index, 0, Use.FAULT, fault);
    return folio == PageCache.NONE ? VmFault.OOM : cache().page(folio, index);
  }

  @Override
  public long cachedPage(long pgoff) {
    if (pgoff >= sizeInPages()) {
      return -Errno.EINVAL;
    }
    long folio = cache().getReferenced(pgoff);
    if (folio == PageCache.NONE) {
      return -Errno.ENOENT;
    }
    if (!frames().is(folio, PageFlag.UPTODATE)) {
      clear(folio, Use.FAULT);
    }
    return cache().page(folio, pgoff);
  }

  @Override
  public long add(long pgoff, long page) {
    frames().set(page, PageFlag.SWAPBACKED);
    return cache().add(page, pgoff) ? 0 : -Errno.EEXIST;
  }

  @Override
  public void remove(long page) {
    cache().remove(page);
  }

  /** The folio with a page, made if there is none, and a reference to it (shmem_get_folio_gfp). */
  private long folioFor(long index, long writeEnd, Use use, FaultContext fault) {
    long folio = cache().getReferenced(index);
    if (folio != PageCache.NONE) {
      if (use == Use.WRITE) {
        services().folios().lru().markAccessed(folio);
      }
      if (!frames().is(folio, PageFlag.UPTODATE)) {
        clear(folio, use);
      }
      return folio;
    }
    Vma vma = fault == null ? null : fault.vma();
    long pages = Math.max(sizeInPages(), services().settings().pagesUp(writeEnd));
    int allowed = orders.allowed(vma, index, pages, false);
    if (allowed != 0) {
      folio = makeLarge(index, fault, allowed);
    }
    if (folio == PageCache.NONE) {
      folio = make(index, 0);
    }
    if (folio == PageCache.NONE) {
      return folio;
    }
    if (use == Use.WRITE) {
      frames().set(folio, PageFlag.REFERENCED);
    } else if (use == Use.FAULT) {
      clear(folio, use);
    }
    return folio;
  }

  private long makeLarge(long index, FaultContext fault, int allowed) {
    int left = fault == null ? allowed : orders.fitting(fault.vma(), fault.address(), allowed);
    while (left != 0) {
      int order = ShmemOrders.highest(left);
      long first = index >>> order << order;
      if (cache().first(first, first + (1L << order) - 1) == PageCache.NONE) {
        break;
      }
      left &= ~(1 << order);
    }
    while (left != 0) {
      int order = ShmemOrders.highest(left);
      long folio = make(index >>> order << order, order);
      if (folio != PageCache.NONE) {
        services().counters().mthp(order, MthpStat.SHMEM_ALLOC, 1);
        countIfPmd(order, VmEvent.THP_FILE_ALLOC);
        return folio;
      }
      services().counters().mthp(order, MthpStat.SHMEM_FALLBACK, 1);
      countIfPmd(order, VmEvent.THP_FILE_FALLBACK);
      left &= ~(1 << order);
    }
    return PageCache.NONE;
  }

  private void countIfPmd(int order, VmEvent event) {
    if (order == services().settings().pmdOrder()) {
      services().counters().event(event);
    }
  }

  private long make(long index, int order) {
    long folio = services().folios().allocator().allocate(order);
    if (folio == FrameTable.NONE) {
      return PageCache.NONE;
    }
    frames().set(folio, PageFlag.SWAPBACKED);
    if (!cache().add(folio, index)) {
      throw new IllegalStateException("shmem index " + index + " was free a moment ago");
    }
    return folio;
  }

  /** What is written over needs no clearing. */
  private void clear(long folio, Use use) {
    if (use != Use.WRITE) {
      services().counters().count(Primitive.PAGE_CLEAR, frames().pages(folio));
      services().contents().cleared(folio, frames().order(folio));
      frames().set(folio, PageFlag.UPTODATE);
    }
  }

  /** shmem_write_end: what is not written of a folio that holds nothing yet is zeros. */
  private void clearUnwritten(long folio, boolean whole) {
    if (!frames().is(folio, PageFlag.UPTODATE) && !whole) {
      services().contents().cleared(folio, frames().order(folio));
    }
  }

  @Override
  public long write(long offset, long bytes, long userAddress) {
    long error = rangeError(offset, bytes);
    if (error != 0) {
      return error;
    }
    services().counters().count(Primitive.SYSCALL);
    long position = offset;
    long end = offset + bytes;
    while (position < end) {
      long index = position >>> pageShift();
      long folio = folioFor(index, end, Use.WRITE, null);
      if (folio == PageCache.NONE) {
        break;
      }
      long folioEnd = frames().index(folio) + frames().pages(folio) << pageShift();
      long from = position;
      position = Math.min(end, folioEnd);
      boolean whole = from == frames().index(folio) << pageShift() && position == folioEnd;
      clearUnwritten(folio, whole && userAddress != NO_BYTES);
      copyIn(folio, from, position, offset, userAddress);
      services()
          .counters()
          .count(Primitive.USER_COPY, services().settings().pagesUp(position) - index);
      frames().set(folio, PageFlag.UPTODATE | PageFlag.DIRTY);
      services().folios().put(folio, 1);
      setSize(Math.max(size(), position));
    }
    return position > offset || bytes == 0 ? position - offset : -Errno.ENOMEM;
  }

  @Override
  public long read(long offset, long bytes) {
    long error = rangeError(offset, bytes);
    if (error != 0) {
      return error;
    }
    services().counters().count(Primitive.SYSCALL);
    long count = Math.clamp(size() - offset, 0, bytes);
    long end = services().settings().pagesUp(offset + count);
    for (long i = offset >>> pageShift(); i < end && count > 0; i++) {
      long folio = cache().get(i);
      if (folio != PageCache.NONE) {
        services().folios().lru().markAccessed(folio);
      }
      services().counters().count(Primitive.USER_COPY);
    }
    return count;
  }

  @Override
  public long fallocate(int mode, long offset, long bytes) {
    long error = fallocateError(mode, offset, bytes);
    if (error != 0) {
      return error;
    }
    services().counters().count(Primitive.SYSCALL);
    if ((mode & PUNCH_HOLE) != 0) {
      noteRemoved(offset, offset + bytes);
      punch(offset, bytes);
      return 0;
    }
    long end = services().settings().pagesUp(offset + bytes);
    long before = allocatedEnd;
    allocatedEnd = Math.max(allocatedEnd, end);
    for (long index = offset >>> pageShift(); index < end; ) {
      long folio = folioFor(index, offset + bytes, Use.ALLOCATE, null);
      if (folio == PageCache.NONE) {
        allocatedEnd = before;
        removeNotUptodate(offset >>> pageShift(), index);
        return -Errno.ENOMEM;
      }
      index = frames().index(folio) + frames().pages(folio);
      frames().set(folio, PageFlag.DIRTY);
      services().folios().put(folio, 1);
    }
    if ((mode & KEEP_SIZE) == 0) {
      setSize(Math.max(size(), offset + bytes));
    }
    return 0;
  }

  /** Undoes a fallocate that ran out of memory (shmem_undo_range, unfalloc). */
  private void removeNotUptodate(long first, long end) {
    for (long from = first; from < end; ) {
      long folio = cache().first(from, end - 1);
      if (folio == PageCache.NONE) {
        return;
      }
      from = frames().index(folio) + frames().pages(folio);
      if (!frames().is(folio, PageFlag.UPTODATE)) {
        cache().remove(folio);
      }
    }
  }

  private void noteRemoved(long offset, long endByte) {
    long start = services().settings().pagesUp(offset);
    if (allocatedEnd > start && allocatedEnd <= endByte >>> pageShift()) {
      allocatedEnd = start;
    }
  }

  @Override
  public long truncate(long bytes) {
    if (bytes < 0) {
      return -Errno.EINVAL;
    }
    services().counters().count(Primitive.SYSCALL);
    long old = size();
    setSize(bytes);
    if (bytes <= old) {
      noteRemoved(bytes, Long.MAX_VALUE);
      removeBehind(bytes);
    }
    return 0;
  }

  @Override
  public long collapse(long pgoff) {
    return new ShmemCollapse(this).collapse(pgoff);
  }

  @Override
  void partlyRemoved(long folio) {
    frames().set(folio, PageFlag.DIRTY);
  }

  @Override
  long pagesKeptBySplit() {
    return Math.max(sizeInPages(), allocatedEnd);
  }
}
