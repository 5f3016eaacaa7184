package dev.quire.kernel.mm;

/** /sys/kernel/mm/transparent_hugepage/defrag: when a fault may wait for a huge page. */
public enum ThpDefrag {
  ALWAYS,
  DEFER,
  DEFER_MADVISE,
  MADVISE,
  NEVER
}
