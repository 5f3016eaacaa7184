package dev.quire.kernel.uffd;

import java.util.ArrayDeque;
import java.util.Iterator;

/** Waiters in the order in which they came (wait_queue_head_t). Used on the kernel's thread. */
final class WaitQueue<W> {
  private final ArrayDeque<W> waiters = new ArrayDeque<>();

  boolean isEmpty() {
    return waiters.isEmpty();
  }

  void add(W waiter) {
    waiters.addLast(waiter);
  }

  /** Who has waited longest, or null. */
  W first() {
    return waiters.peekFirst();
  }

  void remove(W waiter) {
    waiters.remove(waiter);
  }

  Iterator<W> iterator() {
    return waiters.iterator();
  }
}
