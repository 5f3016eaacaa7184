package dev.quire.kernel.mm;

import dev.quire.kernel.page.FrameTable;
import dev.quire.kernel.stat.KernelCounters;

/**
 * A modelled Linux kernel and the machine under it: the place where its parts are put together. Not
 * thread-safe: all calls on a kernel and its processes come from one thread.
 */
public final class Kernel {
  private final KernelConfig config;
  private final KernelCounters counters = new KernelCounters();
  private final FrameTable frames;
  private FileSystems fileSystems;

  public Kernel(KernelConfig config) {
    this.config = config;
    this.frames = new FrameTable(config.memoryPages());
  }

  public KernelConfig config() {
    return config;
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
