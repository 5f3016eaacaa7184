package dev.quire.kernel.mm;

import java.util.Arrays;

/**
 * What user space may rely on of an address space, page by page in arrays: what is mapped where,
 * with which rights, and which of the contents ever written a page must show.
 */
final class NaiveSpace {
  /** What a page maps. */
  enum Kind {
    NONE,
    PRIVATE,
    SHARED,
    FILE_PRIVATE,
    FILE_SHARED
  }

  /** The content of a page of zeroes. */
  static final long ZERO = 0;

  /** A private page of a file that was not written: shows what the file has. */
  static final long AS_FILE = -1;

  final Kind[] kind;
  final int[] rights;

  /** A file or shared memory: the contents of its pages. */
  static final class Contents {
    final long[] pages;

    /** Pages from here on are beyond the end. */
    int size;

    Contents(int pages) {
      this.pages = new long[pages];
      this.size = pages;
    }

    void zero(int first, int end) {
      Arrays.fill(pages, first, end, ZERO);
    }
  }

  /** The file or shared memory behind a page, and its index there. */
  final Contents[] object;

  final int[] index;
  final long[] content;
  final boolean[] locked;
  final int[] advice;

  NaiveSpace(int pages) {
    kind = new Kind[pages];
    Arrays.fill(kind, Kind.NONE);
    rights = new int[pages];
    object = new Contents[pages];
    index = new int[pages];
    content = new long[pages];
    locked = new boolean[pages];
    advice = new int[pages];
  }

  NaiveSpace fork() {
    NaiveSpace child = new NaiveSpace(kind.length);
    for (int page = 0; page < kind.length; page++) {
      child.take(page, this, page);
      child.locked[page] = false;
    }
    return child;
  }

  void take(int page, NaiveSpace from, int fromPage) {
    kind[page] = from.kind[fromPage];
    rights[page] = from.rights[fromPage];
    object[page] = from.object[fromPage];
    index[page] = from.index[fromPage];
    content[page] = from.content[fromPage];
    locked[page] = from.locked[fromPage];
    advice[page] = from.advice[fromPage];
  }

  void map(int page, Kind what, int prot, Contents behind, int at) {
    kind[page] = what;
    rights[page] = prot;
    object[page] = behind;
    index[page] = at;
    content[page] = what == Kind.PRIVATE ? ZERO : AS_FILE;
    locked[page] = false;
    advice[page] = 0;
  }

  void unmap(int page) {
    map(page, Kind.NONE, 0, null, 0);
    content[page] = ZERO;
  }

  boolean isMapped(int page) {
    return kind[page] != Kind.NONE;
  }

  boolean isBeyondEnd(int page) {
    return object[page] != null && index[page] >= object[page].size;
  }

  /** The file got shorter: pages beyond its end are gone, private copies too. */
  void truncated(Contents file) {
    for (int page = 0; page < kind.length; page++) {
      if (object[page] == file && index[page] >= file.size) {
        content[page] = AS_FILE;
      }
    }
  }

  boolean isShared(int page) {
    return kind[page] == Kind.SHARED || kind[page] == Kind.FILE_SHARED;
  }

  /** What a read of the page shows. */
  long shows(int page) {
    return content[page] == AS_FILE ? object[page].pages[index[page]] : content[page];
  }

  void write(int page, long value) {
    if (isShared(page)) {
      object[page].pages[index[page]] = value;
    } else {
      content[page] = value;
    }
  }

  /** The pages from {@code first} on are all alike and follow one another in what they map. */
  boolean isUniform(int first, int pages) {
    for (int page = first; page < first + pages; page++) {
      if (!isMapped(page)
          || kind[page] != kind[first]
          || rights[page] != rights[first]
          || object[page] != object[first]
          || object[page] != null && index[page] != index[first] + page - first
          || locked[page] != locked[first]
          || advice[page] != advice[first]) {
        return false;
      }
    }
    return true;
  }
}
