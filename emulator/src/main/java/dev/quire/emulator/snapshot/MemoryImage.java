package dev.quire.emulator.snapshot;

import java.lang.foreign.MemorySegment;

/**
 * The memory of a snapshot, by guest frame: the pages of 4 KiB that are not all zeros. Nothing here
 * costs time in proportion to memory but {@link #verifyAll}. Any thread; several at once.
 */
public interface MemoryImage {
  /** How many pages are stored. */
  long pages();

  /** The smallest stored frame at or above {@code gfn}, or -1: how to visit all of them. */
  long nextStored(long gfn);

  /** Whether the page is stored; one that is not holds zeros. */
  boolean isStored(long gfn);

  /**
   * Copies a page, stored or not, to the first 4096 bytes of {@code target}. The block that it lies
   * in is verified first, once.
   *
   * @throws BadSnapshotException if the block is not what was written
   */
  void read(long gfn, MemorySegment target);

  /**
   * Verifies every block that is not verified yet.
   *
   * @throws BadSnapshotException naming the first that is not what was written
   */
  void verifyAll();
}
