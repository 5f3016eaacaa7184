package dev.quire.lab.replay;

import dev.quire.lab.replay.TouchOrder.Direction;

/**
 * One operation of a script.
 *
 * @param text as it stands in the file, without the prefix that says who runs it
 * @param child whether the forked child runs it
 * @param call what is done
 */
record ScriptOp(String text, boolean child, Call call) {

  /** What an operation does. Addresses, offsets and lengths are bytes. */
  sealed interface Call {}

  /** Which memory a mapping without a file gets. */
  enum Backing {
    PRIVATE,
    PRIVATE_POPULATED,
    SHARED
  }

  /** mmap with MAP_FIXED, without a file. */
  record Map(PageRange range, int protection, Backing backing) implements Call {}

  /** mmap with MAP_FIXED of the file opened last. */
  record MapFile(PageRange range, int protection, boolean shared, long offset) implements Call {}

  record Unmap(PageRange range) implements Call {}

  record Protect(PageRange range, int protection) implements Call {}

  /** mremap with MREMAP_MAYMOVE and MREMAP_FIXED. */
  record Remap(PageRange from, PageRange to, boolean dontUnmap) implements Call {}

  record Advise(PageRange range, Advice advice) implements Call {}

  record Lock(PageRange range) implements Call {}

  record Unlock(PageRange range) implements Call {}

  record InCore(PageRange range) implements Call {}

  /** Accesses one byte each of {@code count} pages, {@code stride} pages apart. */
  record Touch(boolean write, long address, int count, long stride, Direction direction, long seed)
      implements Call {}

  /** A new file of {@code bytes}, which later operations use. */
  record Open(FileType type, long bytes) implements Call {}

  /** Writes page by page, or {@code atOnce}. */
  record WriteFile(long offset, long bytes, boolean atOnce) implements Call {}

  record ReadFile(long offset, long bytes) implements Call {}

  record SyncFile() implements Call {}

  /** fsync and POSIX_FADV_DONTNEED. */
  record DropCache(long offset, long bytes) implements Call {}

  record PunchHole(long offset, long bytes) implements Call {}

  record AllocateFile(long offset, long bytes) implements Call {}

  record Truncate(long bytes) implements Call {}

  /** Forks a child that waits for operations of its own. */
  record Fork() implements Call {}

  record ChildExit() implements Call {}

  /** Does nothing: what is observed is what there is. */
  record State() implements Call {}
}
