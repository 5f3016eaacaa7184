/**
 * Files and their page caches: the XArray, insertion one folio at a time and in batches, readahead,
 * shmem and ext4, and the faults of mappings of files. Source: Linux v6.18 lib/xarray.c,
 * mm/filemap.c, mm/readahead.c, mm/shmem.c, mm/truncate.c.
 */
package dev.quire.kernel.filemap;
