package dev.quire.lab.reproduce;

import dev.quire.kernel.filemap.GrabDesign;
import dev.quire.kernel.filemap.PageCache;
import dev.quire.kernel.page.DeferredSplitQueue;
import dev.quire.kernel.page.Folios;
import dev.quire.kernel.page.FrameTable;
import dev.quire.kernel.page.MemoryLayout;
import dev.quire.kernel.page.PageAllocator;
import dev.quire.kernel.stat.KernelCounters;
import dev.quire.kernel.stat.Primitive;
import dev.quire.lab.cost.Amounts;
import java.util.List;

/**
 * guest_memfd filled by write(), in the two ways of the RFC (mails
 * 20250303130838.28812-2-kalyazin@amazon.com and 20250110154659.95464-3): {@code selftest/DESIGN}
 * writes 3 GiB out of one buffer, {@code firecracker/DESIGN} out of a snapshot of 3 GiB that no
 * cache holds, {@code counts/DESIGN} writes 128 pages. DESIGN: one-at-a-time, batched,
 * query-batched.
 *
 * <p>That write() never became Linux: the modelled kernel's own guest_memfd has none, so its loop
 * stands here, over the kernel's page cache.
 */
final class GuestMemfdPopulation implements Workload {
  private static final long GIB = 1L << 30;
  private static final int PAGE_SHIFT = 12;
  private static final long POPULATED_PAGES = 3 * GIB >>> PAGE_SHIFT;

  /** How much a write() call of selftest and Firecracker takes along. */
  private static final long PAGES_PER_CALL = GIB >>> PAGE_SHIFT;

  private final long scale;

  /**
   * @param scale by which the runs are smaller than published; counts are multiplied by it
   */
  GuestMemfdPopulation(long scale) {
    this.scale = scale;
  }

  @Override
  public Amounts run(List<String> scenario) {
    if (scenario.size() != 2) {
      throw new IllegalArgumentException("no such scenario: " + scenario);
    }
    GrabDesign design =
        switch (scenario.get(1)) {
          case "one-at-a-time" -> GrabDesign.ONE_BY_ONE;
          case "batched" -> GrabDesign.BATCHED;
          case "query-batched" -> GrabDesign.BATCHED_QUERY;
          default -> throw new IllegalArgumentException("no such scenario: " + scenario);
        };
    if (scenario.getFirst().equals("counts")) {
      return populate(PageCache.BATCH, design);
    }
    Amounts write = populate(POPULATED_PAGES / scale, design).times(scale);
    return scenario.getFirst().equals("selftest")
        ? write
        : write.plus(Amounts.of("cold-source-page", POPULATED_PAGES));
  }

  private static Amounts populate(long pages, GrabDesign design) {
    KernelCounters counters = new KernelCounters();
    MemoryLayout layout = MemoryLayout.x86(2 * pages + (1 << 14));
    FrameTable frames = new FrameTable(layout.pages());
    DeferredSplitQueue deferred = new DeferredSplitQueue(frames, counters, layout.pmdOrder());
    Folios folios =
        new Folios(frames, new PageAllocator(frames, layout, counters), deferred, counters);
    PageCache cache = new PageCache(folios, counters);
    KernelCounters.Snapshot before = counters.snapshot();
    for (long index = 0; index < pages; index += PAGES_PER_CALL) {
      counters.count(Primitive.SYSCALL);
      write(cache, folios, counters, index, Math.min(pages - index, PAGES_PER_CALL), design);
    }
    return Amounts.of(counters.snapshot().minus(before));
  }

  /** Whole batches first, the pages that remain one by one, as the RFC's kvm_gmem_write. */
  private static void write(
      PageCache cache,
      Folios folios,
      KernelCounters counters,
      long first,
      long pages,
      GrabDesign design) {
    long index = first;
    long end = first + pages;
    long[] grabbed = new long[PageCache.BATCH];
    while (design != GrabDesign.ONE_BY_ONE && end - index >= PageCache.BATCH) {
      int got = cache.grabAll(index, PageCache.BATCH, grabbed, design);
      if (got != PageCache.BATCH) {
        throw new IllegalStateException("a batch of " + got + " pages");
      }
      for (long folio : grabbed) {
        counters.count(Primitive.USER_COPY);
        folios.put(folio, 1);
      }
      index += PageCache.BATCH;
    }
    for (; index < end; index++) {
      long folio = cache.grab(index);
      counters.count(Primitive.USER_COPY);
      folios.put(folio, 1);
    }
  }
}
