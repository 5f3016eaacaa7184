package dev.quire.emulator.measure;

/** Hears of accesses that the host makes in the processor's stead, such as pushing a frame. */
public interface HostAccesses {
  /** For a functional run. */
  HostAccesses IGNORED = (va, type) -> {};

  /**
   * One access, just translated by the vCPU's MMU.
   *
   * @param va any address of the page
   * @param type {@link dev.quire.mmu.Access#READ} or WRITE
   */
  void accessed(long va, int type);
}
