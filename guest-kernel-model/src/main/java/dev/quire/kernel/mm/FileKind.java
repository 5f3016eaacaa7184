package dev.quire.kernel.mm;

/** Kinds of files the modelled kernel has. */
public enum FileKind {
  MEMFD,
  TMPFS,
  EXT4,
  GUEST_MEMFD,
  /** A memfd of hugetlb pages (MFD_HUGETLB), and what is behind MAP_HUGETLB. */
  HUGETLB,
  /** The unnamed shmem file behind a shared anonymous mapping. */
  SHARED_ANONYMOUS
}
