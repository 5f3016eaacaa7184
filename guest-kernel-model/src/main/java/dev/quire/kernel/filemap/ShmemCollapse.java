package dev.quire.kernel.filemap;

import dev.quire.kernel.mm.Errno;
import dev.quire.kernel.page.Folios;
import dev.quire.kernel.page.FrameTable;
import dev.quire.kernel.page.PageFlag;
import dev.quire.kernel.stat.KernelCounters;
import dev.quire.kernel.stat.Primitive;
import dev.quire.kernel.stat.VmEvent;

/**
 * Copies the smaller folios of a PMD-sized piece of a shmem file into one new folio, holes as
 * zeros, and puts it in their place (Linux v6.18 mm/khugepaged.c, hpage_collapse_scan_file and
 * collapse_file).
 */
final class ShmemCollapse {
  private final ModelledFile file;
  private final PageCache cache;
  private final FileServices services;
  private final Folios folios;
  private final FrameTable frames;
  private final KernelCounters counters;
  private final int order;
  private final int pages;

  ShmemCollapse(ModelledFile file) {
    this.file = file;
    this.cache = file.cache();
    this.services = file.services();
    this.folios = services.folios();
    this.frames = services.frames();
    this.counters = services.counters();
    this.order = services.settings().pmdOrder();
    this.pages = 1 << order;
  }

  /**
   * @return 0; -EAGAIN if somebody uses one of the folios; -EINVAL if there is none; -ENOMEM
   */
  long collapse(long index) {
    long[] old = new long[pages];
    int count = 0;
    int present = 0;
    long last = index + pages - 1;
    for (long folio = cache.first(index, last);
        folio != PageCache.NONE;
        folio = cache.following(last)) {
      if (frames.order(folio) == order) {
        return 0;
      }
      int expected = frames.pages(folio) + frames.folioMapCount(folio);
      if (frames.refCount(folio) != expected) {
        return -Errno.EAGAIN;
      }
      old[count++] = folio;
      present += frames.pages(folio);
    }
    long huge = folios.allocator().allocate(order);
    if (huge == FrameTable.NONE) {
      counters.event(VmEvent.THP_COLLAPSE_ALLOC_FAILED);
      return -Errno.ENOMEM;
    }
    counters.event(VmEvent.THP_COLLAPSE_ALLOC);
    counters.count(Primitive.MEMCG_CHARGE);
    if (count == 0) {
      folios.put(huge, 1);
      return -Errno.EINVAL;
    }
    replace(huge, index, old, count, present);
    return 0;
  }

  private void replace(long huge, long index, long[] old, int count, int present) {
    if (!file.mappings().isEmpty()) {
      services.mappings().unmap(file.mappings(), index, pages, false);
    }
    services.contents().cleared(huge, order);
    for (int i = 0; i < count; i++) {
      int nr = frames.pages(old[i]);
      boolean uptodate = frames.is(old[i], PageFlag.UPTODATE);
      counters.count(uptodate ? Primitive.PAGE_COPY : Primitive.PAGE_CLEAR, nr);
      if (uptodate) {
        services.contents().copied(old[i], huge + frames.index(old[i]) - index, nr);
      }
    }
    counters.count(Primitive.PAGE_CLEAR, pages - present);
    frames.set(huge, PageFlag.SWAPBACKED | PageFlag.UPTODATE | PageFlag.DIRTY);
    cache.replaceAll(huge, index, present);
    folios.addToLru(huge);
    folios.put(huge, 1);
    for (int i = 0; i < count; i++) {
      frames.setMapping(old[i], null, frames.index(old[i]));
      folios.put(old[i], frames.pages(old[i]));
    }
  }
}
