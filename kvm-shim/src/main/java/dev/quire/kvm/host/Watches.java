package dev.quire.kvm.host;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/**
 * Which addresses of a client are armed with userfaultfd, whether anything is shared there or not.
 * Ranges are bytes, apart from each other. Not thread-safe.
 */
final class Watches {
  /** UFFDIO_REGISTER_MODE_MISSING, _WP and _MINOR. */
  static final int MISSING = 1;

  static final int WRITE_PROTECT = 2;
  static final int MINOR = 4;
  static final int ALL = MISSING | WRITE_PROTECT | MINOR;

  /** Ranges that a client may have; each mapping of its own has one. */
  private static final int MOST = 1 << 16;

  /** A part of what is watched. */
  record Part(long first, long end, int mode) {}

  private final TreeMap<Long, Part> parts = new TreeMap<>();

  /**
   * Replaces what was said of a range.
   *
   * @param mode 0 to end it
   * @return false if there are too many
   */
  boolean set(long first, long end, int mode) {
    if (parts.size() >= MOST) {
      return false;
    }
    for (Part old : overlapping(first, end)) {
      parts.remove(old.first);
      if (old.first < first) {
        parts.put(old.first, new Part(old.first, first, old.mode));
      }
      if (old.end > end) {
        parts.put(end, new Part(end, old.end, old.mode));
      }
    }
    if (mode != 0) {
      parts.put(first, new Part(first, end, mode));
    }
    return true;
  }

  /** What of a range is watched, in order. */
  List<Part> within(long first, long end) {
    List<Part> found = overlapping(first, end);
    found.replaceAll(
        part -> new Part(Math.max(first, part.first), Math.min(end, part.end), part.mode));
    return found;
  }

  private List<Part> overlapping(long first, long end) {
    List<Part> found = new ArrayList<>();
    if (parts.isEmpty()) {
      return found;
    }
    Map.Entry<Long, Part> below = parts.lowerEntry(first);
    if (below != null && below.getValue().end > first) {
      found.add(below.getValue());
    }
    found.addAll(parts.subMap(first, end).values());
    return found;
  }
}
