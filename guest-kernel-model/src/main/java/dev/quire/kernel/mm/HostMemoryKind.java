package dev.quire.kernel.mm;

/**
 * What the memory behind a guest is to the host kernel: it decides what that kernel may do to it.
 */
public enum HostMemoryKind {
  /** A private anonymous mapping: reclaimed, split, collapsed, migrated, and copied on write. */
  ANONYMOUS,
  /** A shared mapping of tmpfs or a memfd: reclaimed and migrated, never copied on write. */
  SHMEM,
  /** Reserved pages: migrated and mapped anew, but neither reclaimed nor split. */
  HUGETLB,
  /**
   * guest_memfd: the host neither reclaims nor migrates it (Linux v6.18 virt/kvm/guest_memfd.c:
   * AS_UNMOVABLE, AS_INACCESSIBLE or AS_UNEVICTABLE).
   */
  GUEST_MEMFD
}
