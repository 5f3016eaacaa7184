package dev.quire.lab.contention;

import java.util.ArrayDeque;

/** A spin lock whose waiters queue (Linux's qspinlock): first come, first served. */
final class QueuedLock {
  private static final int NONE = -1;

  /**
   * Lines that a lock moves if others wait: the next waiter's node, the lock's word, and the head
   * of the list behind it, which has the word's line and is lost to each that arrives.
   */
  private static final int CONTENDED_LINES = 3;

  private final Topology topology;
  private final ArrayDeque<Integer> waiting = new ArrayDeque<>();
  private int holder = NONE;
  private int last = NONE;
  private boolean contended;

  QueuedLock(Topology topology) {
    this.topology = topology;
  }

  /** Takes it if it is free; else the thread waits until {@link #release} names it. */
  boolean acquire(int thread) {
    if (holder != NONE) {
      waiting.add(thread);
      return false;
    }
    holder = thread;
    contended = false;
    return true;
  }

  /** What it takes until the new holder can go on. */
  double handOver(PagingCosts costs) {
    double nanos =
        last == NONE || last == holder
            ? costs.lineAtomic()
            : topology.transfer(costs, topology.complexOf(last), topology.complexOf(holder));
    last = holder;
    return contended ? CONTENDED_LINES * nanos : nanos;
  }

  /** The thread that holds it now, or -1. */
  int release() {
    Integer next = waiting.poll();
    contended = next != null;
    holder = contended ? next : NONE;
    return holder;
  }
}
