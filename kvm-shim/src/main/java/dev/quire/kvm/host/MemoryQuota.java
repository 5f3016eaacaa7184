package dev.quire.kvm.host;

/** How much memory a client may lend, in bytes. */
public interface MemoryQuota {
  /** Whether it may lend so much more; it counts then. */
  boolean take(long bytes);

  /** So much is lent no more. */
  void giveBack(long bytes);
}
