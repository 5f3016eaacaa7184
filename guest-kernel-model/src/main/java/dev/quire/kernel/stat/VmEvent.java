package dev.quire.kernel.stat;

import java.util.Locale;

/**
 * Events under their names in /proc/vmstat (Linux v6.18 include/linux/vm_event_item.h,
 * mm/vmstat.c).
 */
public enum VmEvent {
  /** Pages of anonymous folios that are mapped: a gauge. */
  NR_ANON_PAGES,
  /** Pages of file and shmem folios that are mapped: a gauge. */
  NR_MAPPED,
  /** Anonymous, shmem and file folios mapped by a PMD: gauges. */
  NR_ANON_TRANSPARENT_HUGEPAGES,
  NR_SHMEM_PMDMAPPED,
  NR_FILE_PMDMAPPED,
  PGALLOC_DMA,
  PGALLOC_DMA32,
  PGALLOC_NORMAL,
  PGFREE,
  PGFAULT,
  PGMAJFAULT,
  PGREUSE,
  PGACTIVATE,
  PGDEACTIVATE,
  PGLAZYFREE,
  PGMIGRATE_SUCCESS,
  PGMIGRATE_FAIL,
  UNEVICTABLE_PGS_CULLED,
  UNEVICTABLE_PGS_MLOCKED,
  UNEVICTABLE_PGS_MUNLOCKED,
  THP_FAULT_ALLOC,
  THP_FAULT_FALLBACK,
  THP_FAULT_FALLBACK_CHARGE,
  THP_COLLAPSE_ALLOC,
  THP_COLLAPSE_ALLOC_FAILED,
  THP_FILE_ALLOC,
  THP_FILE_FALLBACK,
  THP_FILE_FALLBACK_CHARGE,
  THP_FILE_MAPPED,
  THP_SPLIT_PAGE,
  THP_SPLIT_PAGE_FAILED,
  THP_DEFERRED_SPLIT_PAGE,
  THP_UNDERUSED_SPLIT_PAGE,
  THP_SPLIT_PMD,
  THP_SWPOUT_FALLBACK,
  THP_ZERO_PAGE_ALLOC,
  THP_ZERO_PAGE_ALLOC_FAILED,
  THP_MIGRATION_SUCCESS,
  THP_MIGRATION_FAIL,
  THP_MIGRATION_SPLIT,
  OOM_KILL;

  private final String vmstatName = name().toLowerCase(Locale.ROOT);

  /** As it stands in /proc/vmstat. */
  public String vmstatName() {
    return vmstatName;
  }
}
