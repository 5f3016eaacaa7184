package dev.quire.kernel.mm;

/**
 * hugepages-SIZEkB/shmem_enabled; the top-level file takes all but INHERIT, and DENY and FORCE
 * besides.
 */
public enum ShmemThpMode {
  ALWAYS,
  INHERIT,
  WITHIN_SIZE,
  ADVISE,
  NEVER,
  DENY,
  FORCE
}
