package dev.quire.kernel.mm;

import java.util.Map;

/**
 * /sys/kernel/mm/transparent_hugepage of a modelled kernel. Orders count base pages of the kernel.
 *
 * @param topLevel what INHERIT means for anonymous memory
 * @param anon mode by order; orders not named are NEVER
 * @param shmemTopLevel what INHERIT means for shmem
 * @param shmem mode by order; orders not named are NEVER
 * @param useZeroPage reads of a whole free PMD map the huge zero page
 */
public record ThpSettings(
    ThpMode topLevel,
    Map<Integer, ThpMode> anon,
    ShmemThpMode shmemTopLevel,
    Map<Integer, ShmemThpMode> shmem,
    boolean useZeroPage,
    ThpDefrag defrag) {
  /** Nothing but base pages. */
  public static final ThpSettings NEVER =
      new ThpSettings(
          ThpMode.NEVER, Map.of(), ShmemThpMode.NEVER, Map.of(), true, ThpDefrag.MADVISE);

  public ThpSettings {
    anon = Map.copyOf(anon);
    shmem = Map.copyOf(shmem);
    if (topLevel == ThpMode.INHERIT || shmemTopLevel == ShmemThpMode.INHERIT) {
      throw new IllegalArgumentException("the top level cannot inherit");
    }
  }

  public ThpMode anon(int order) {
    return anon.getOrDefault(order, ThpMode.NEVER);
  }

  public ShmemThpMode shmem(int order) {
    return shmem.getOrDefault(order, ShmemThpMode.NEVER);
  }
}
