package dev.quire.kernel.filemap;

import dev.quire.kernel.page.PageFlag;

/**
 * Frames set aside for a file, one behind the other, beyond what the page allocator has: page n of
 * the file is frame n of the run. What they hold is shared with somebody whose stores the kernel
 * does not see, and so is never cleared or moved. On the kernel's thread.
 */
public final class LentFrames {
  private final FileServices services;
  private final PageCache cache;
  private final long firstPfn;

  /**
   * @param cache of the file
   * @param firstPfn in base pages of the kernel; nobody else has the run while the file has pages
   */
  public LentFrames(FileServices services, PageCache cache, long firstPfn) {
    this.services = services;
    this.cache = cache;
    this.firstPfn = firstPfn;
  }

  /**
   * A page of the file with a reference taken.
   *
   * @param flags of {@link PageFlag} that it gets if it is new
   */
  public long grab(long index, int flags) {
    long page = cache.getReferenced(index);
    if (page == PageCache.NONE) {
      page = firstPfn + index;
      services.folios().lend(page);
      services.frames().set(page, flags);
      cache.addHugetlb(page, index);
      services.folios().get(page, 1);
    }
    return page;
  }

  /**
   * Takes frames back, before the cache lets go of what would else be freed. Nothing maps them.
   *
   * @param last page of the file, inclusive
   */
  public void release(long first, long last) {
    long page = cache.first(first, last);
    while (page != PageCache.NONE) {
      long next = services.frames().index(page) + 1;
      cache.remove(page);
      services.folios().takeBack(page);
      page = cache.first(next, last);
    }
  }
}
