package dev.quire.kernel.mm;

import dev.quire.kernel.page.FrameTable;
import dev.quire.kernel.stat.KernelCounters;
import dev.quire.mmu.KernelPteFormat;

/**
 * A modelled Linux kernel and the machine under it: the place where its parts are put together. Not
 * thread-safe: all calls on a kernel and its processes come from one thread.
 */
public final class Kernel {
  private final KernelConfig config;
  private final KernelCounters counters = new KernelCounters();
  private final FrameTable frames;
  private final KernelPteFormat format;
  private FileSystems fileSystems;

  /**
   * @param format how the processors read page tables: LinuxX86Pte or LinuxArm64Pte of the
   *     configured granule
   * @throws IllegalArgumentException if format and configuration disagree on page sizes
   */
  public Kernel(KernelConfig config, KernelPteFormat format) {
    if (format.hardware().leafOrder(0) != config.granule().baseOrder()
        || format.hardware().leafOrder(1) != config.granule().pmdOrder()) {
      throw new IllegalArgumentException(
          "page tables of another page size than " + config.granule());
    }
    this.config = config;
    this.format = format;
    this.frames = new FrameTable(config.memoryPages());
  }

  public KernelConfig config() {
    return config;
  }

  public KernelPteFormat format() {
    return format;
  }

  public KernelCounters counters() {
    return counters;
  }

  public FrameTable frames() {
    return frames;
  }

  /** Bytes of a base page are 1 shifted left by this. */
  public int pageShift() {
    return 12 + config.granule().baseOrder();
  }

  /** The files this kernel can open; until it is set opening fails with ENODEV. */
  public void setFileSystems(FileSystems files) {
    fileSystems = files;
  }

  FileSystems fileSystems() {
    return fileSystems;
  }

  /** A process with an empty address space. */
  public Process spawn() {
    return new Process(this);
  }

  /**
   * Unmaps pages of a file from every process (unmap_mapping_range).
   *
   * @param firstPgoff in base pages
   * @param pages how many
   * @param evenCows private copies too, as truncation does; hole punching does not spare them
   *     either
   */
  public void unmapMappingRange(
      FileMappings mappings, long firstPgoff, long pages, boolean evenCows) {
    throw new UnsupportedOperationException("file mappings");
  }
}
