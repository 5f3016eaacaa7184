package dev.quire.kernel.stat;

import java.util.Locale;

/**
 * Statistics of one folio size, under the names of the files in
 * /sys/kernel/mm/transparent_hugepage/hugepages-SIZEkB/stats (Linux v6.18 include/linux/huge_mm.h,
 * enum mthp_stat_item).
 */
public enum MthpStat {
  ANON_FAULT_ALLOC,
  ANON_FAULT_FALLBACK,
  ANON_FAULT_FALLBACK_CHARGE,
  ZSWPOUT,
  SWPIN,
  SWPIN_FALLBACK,
  SWPIN_FALLBACK_CHARGE,
  SWPOUT,
  SWPOUT_FALLBACK,
  SHMEM_ALLOC,
  SHMEM_FALLBACK,
  SHMEM_FALLBACK_CHARGE,
  SPLIT,
  SPLIT_FAILED,
  SPLIT_DEFERRED,
  /** Folios of the size that are there now: a gauge. */
  NR_ANON,
  /** Folios of the size that are there now and mapped in part: a gauge. */
  NR_ANON_PARTIALLY_MAPPED;

  private final String fileName = name().toLowerCase(Locale.ROOT);

  /** The file's name. */
  public String fileName() {
    return fileName;
  }
}
