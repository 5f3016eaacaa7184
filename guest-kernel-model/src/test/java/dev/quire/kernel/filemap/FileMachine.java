package dev.quire.kernel.filemap;

import dev.quire.kernel.files.ModelledFiles;
import dev.quire.kernel.mm.FileMappings;
import dev.quire.kernel.mm.PageContents;
import dev.quire.kernel.mm.ThpSettings;
import dev.quire.kernel.page.DeferredSplitQueue;
import dev.quire.kernel.page.Folios;
import dev.quire.kernel.page.FrameTable;
import dev.quire.kernel.page.MemoryLayout;
import dev.quire.kernel.page.PageAllocator;
import dev.quire.kernel.stat.KernelCounters;

/** Memory and files without processes: nothing is ever mapped. */
public final class FileMachine implements MappingUpdates {
  private static final long PAGES = 1 << 16;

  private final KernelCounters counters = new KernelCounters();
  private final FrameTable frames = new FrameTable(PAGES);
  private final PageAllocator allocator =
      new PageAllocator(frames, MemoryLayout.x86(PAGES), counters);
  private final Folios folios =
      new Folios(frames, allocator, new DeferredSplitQueue(frames, counters, 9), counters);
  private final FileServices services;

  FileMachine() {
    this(ThpSettings.NEVER);
  }

  public FileMachine(ThpSettings thp) {
    services =
        new FileServices(
            folios,
            counters,
            new FileSettings(12, 9, 2048, 0, thp),
            this,
            new PageContents(frames, 0));
  }

  public FileServices services() {
    return services;
  }

  ModelledFiles files() {
    return new ModelledFiles(services);
  }

  public KernelCounters counters() {
    return counters;
  }

  public FrameTable frames() {
    return frames;
  }

  /** Free pages with no folio on its way to an LRU list. */
  public long freePages() {
    folios.lru().drain();
    return allocator.freePages();
  }

  @Override
  public void unmap(FileMappings mappings, long firstPgoff, long pages, boolean privateCopies) {
    throw new IllegalStateException("nothing is mapped");
  }

  @Override
  public void clean(FileMappings mappings, long firstPgoff, long pages) {
    throw new IllegalStateException("nothing is mapped");
  }
}
