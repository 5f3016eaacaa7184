package dev.quire.kernel.mm;

import dev.quire.kernel.page.Folios;
import dev.quire.kernel.page.FrameTable;
import dev.quire.kernel.stat.KernelCounters;
import dev.quire.mmu.KernelPteFormat;

/** A part of the kernel's memory management, with what nearly all of them work on. */
abstract class KernelPart {
  protected final Kernel kernel;
  protected final KernelPteFormat format;
  protected final KernelCounters counters;
  protected final FrameTable frames;
  protected final Folios folios;

  protected KernelPart(Kernel kernel) {
    this.kernel = kernel;
    this.format = kernel.format();
    this.counters = kernel.counters();
    this.frames = kernel.frames();
    this.folios = kernel.folios();
  }
}
