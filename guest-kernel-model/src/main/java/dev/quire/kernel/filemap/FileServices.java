package dev.quire.kernel.filemap;

import dev.quire.kernel.mm.PageContents;
import dev.quire.kernel.page.Folios;
import dev.quire.kernel.page.FrameTable;
import dev.quire.kernel.stat.KernelCounters;

/** The parts of a kernel that files are built on. */
public record FileServices(
    Folios folios,
    KernelCounters counters,
    FileSettings settings,
    MappingUpdates mappings,
    PageContents contents) {
  public FrameTable frames() {
    return folios.frames();
  }
}
