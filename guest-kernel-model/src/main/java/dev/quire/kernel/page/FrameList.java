package dev.quire.kernel.page;

/**
 * A doubly linked list of folios or free blocks, through the links of a {@link FrameTable}. A frame
 * is on one list at most by each pair of links.
 */
final class FrameList {
  private final FrameTable frames;

  /** Which page of a folio carries the links: 0, or 2 for the deferred split queue. */
  private final int linkPage;

  private int first = FrameTable.NONE;
  private int last = FrameTable.NONE;
  private int length;

  FrameList(FrameTable frames, int linkPage) {
    this.frames = frames;
    this.linkPage = linkPage;
  }

  boolean isEmpty() {
    return first == FrameTable.NONE;
  }

  int length() {
    return length;
  }

  /** The first of the list, {@link FrameTable#NONE} if there is none. */
  int first() {
    return first;
  }

  int last() {
    return last;
  }

  /** What follows {@code head} on this list. */
  int next(long head) {
    return frames.next(head + linkPage);
  }

  void addFirst(long head) {
    int pfn = (int) head;
    frames.link(head + linkPage, FrameTable.NONE, first);
    if (first == FrameTable.NONE) {
      last = pfn;
    } else {
      frames.setPrevious(first + linkPage, pfn);
    }
    first = pfn;
    length++;
  }

  void addLast(long head) {
    int pfn = (int) head;
    frames.link(head + linkPage, last, FrameTable.NONE);
    if (last == FrameTable.NONE) {
      first = pfn;
    } else {
      frames.setNext(last + linkPage, pfn);
    }
    last = pfn;
    length++;
  }

  void remove(long head) {
    int previous = frames.previous(head + linkPage);
    int next = frames.next(head + linkPage);
    if (previous == FrameTable.NONE) {
      first = next;
    } else {
      frames.setNext(previous + linkPage, next);
    }
    if (next == FrameTable.NONE) {
      last = previous;
    } else {
      frames.setPrevious(next + linkPage, previous);
    }
    length--;
  }
}
