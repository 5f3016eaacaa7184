package dev.quire.kvm.host;

import java.util.Map;
import java.util.TreeMap;

/**
 * Runs of frames beyond what a kernel allocates from, first fit; neighbours that are free become
 * one. Counts pages of 4 KiB. Not thread-safe.
 */
final class FrameRuns {
  static final long NONE = -1;

  /** Pages free from each first frame on. */
  private final TreeMap<Long, Long> free = new TreeMap<>();

  FrameRuns(long firstPfn, long pages) {
    free.put(firstPfn, pages);
  }

  /** The first of so many frames, or {@link #NONE}. */
  long allocate(long pages) {
    for (Map.Entry<Long, Long> run : free.entrySet()) {
      if (run.getValue() >= pages) {
        long first = run.getKey();
        long left = run.getValue() - pages;
        free.remove(first);
        if (left > 0) {
          free.put(first + pages, left);
        }
        return first;
      }
    }
    return NONE;
  }

  void free(long firstPfn, long pages) {
    long first = firstPfn;
    long count = pages;
    Map.Entry<Long, Long> before = free.floorEntry(first);
    if (before != null && before.getKey() + before.getValue() == first) {
      first = before.getKey();
      count += before.getValue();
    }
    Long after = free.remove(firstPfn + pages);
    free.put(first, after == null ? count : count + after);
  }
}
