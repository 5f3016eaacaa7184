package dev.quire.emulator.restore;

import java.util.BitSet;

/** Which pages a handler gave already: its own book, so that it asks for none twice. */
final class Populated {
  private final GuestLayout layout;
  private final BitSet pages = new BitSet();

  Populated(GuestLayout layout) {
    this.layout = layout;
  }

  private int page(long address) {
    return (int) (layout.fileOffsetOf(address) / layout.pageBytes());
  }

  boolean holds(long address) {
    return pages.get(page(address));
  }

  void add(long address, long bytes) {
    int first = page(address);
    pages.set(first, first + (int) (bytes / layout.pageBytes()));
  }

  /**
   * Gives what is missing of a range that lies in one region: run by run.
   *
   * @return bytes given
   */
  long giveMissing(PageAnswer answer, UffdOps ops, long address, long bytes) {
    int first = page(address);
    int end = first + (int) (bytes / layout.pageBytes());
    long given = 0;
    int from = pages.nextClearBit(first);
    while (from < end) {
      int set = pages.nextSetBit(from);
      int to = set < 0 ? end : Math.min(set, end);
      long runBytes = (to - from) * layout.pageBytes();
      answer.give(ops, address + (from - first) * layout.pageBytes(), runBytes);
      pages.set(from, to);
      given += runBytes;
      from = pages.nextClearBit(to);
    }
    return given;
  }
}
