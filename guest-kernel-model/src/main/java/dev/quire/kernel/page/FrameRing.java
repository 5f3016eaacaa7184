package dev.quire.kernel.page;

import java.util.Random;

/** A deque of frame numbers in an array that grows to the largest length seen. */
final class FrameRing {
  private int[] frames = new int[64];
  private int first;
  private int length;

  boolean isEmpty() {
    return length == 0;
  }

  int length() {
    return length;
  }

  void addFirst(long frame) {
    if (length == frames.length) {
      grow();
    }
    first = first - 1 & frames.length - 1;
    frames[first] = (int) frame;
    length++;
  }

  void addLast(long frame) {
    if (length == frames.length) {
      grow();
    }
    frames[first + length & frames.length - 1] = (int) frame;
    length++;
  }

  int removeFirst() {
    int frame = frames[first];
    first = first + 1 & frames.length - 1;
    length--;
    return frame;
  }

  int removeLast() {
    length--;
    return frames[first + length & frames.length - 1];
  }

  /** Puts the frames in a random order. */
  void shuffle(Random random) {
    for (int i = length - 1; i > 0; i--) {
      int one = first + i & frames.length - 1;
      int other = first + random.nextInt(i + 1) & frames.length - 1;
      int frame = frames[one];
      frames[one] = frames[other];
      frames[other] = frame;
    }
  }

  private void grow() {
    int[] grown = new int[2 * frames.length];
    int tail = frames.length - first;
    System.arraycopy(frames, first, grown, 0, tail);
    System.arraycopy(frames, 0, grown, tail, first);
    frames = grown;
    first = 0;
  }
}
