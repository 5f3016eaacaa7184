package dev.quire.lab.contention;

import java.util.ArrayDeque;

/**
 * A cache line that threads change by atomics, one at a time. A complex that gets the line serves
 * those of its own threads that wait at that moment before the line goes on, since an L3 cache
 * answers its own cores before a probe from outside; among complexes it is first come, first
 * served.
 */
final class SharedLine {
  private static final int NONE = -1;

  private final Topology topology;
  private final ArrayDeque<Integer> waiting = new ArrayDeque<>();

  /** Threads of the owning complex that waited when it got the line. */
  private final ArrayDeque<Integer> batch = new ArrayDeque<>();

  private boolean busy;
  private int owner = NONE;

  SharedLine(Topology topology) {
    this.topology = topology;
  }

  /** Takes the line if nobody has it at the moment; else the thread waits for its turn. */
  boolean acquire(int thread) {
    if (busy) {
      waiting.add(thread);
      return false;
    }
    busy = true;
    return true;
  }

  /** What the atomic takes of a thread whose turn it is. */
  double serve(int thread, PagingCosts costs) {
    double nanos = costs.lineAtomic();
    int complex = topology.complexOf(thread);
    if (owner != NONE && owner != thread) {
      nanos += topology.transfer(costs, topology.complexOf(owner), complex);
    }
    boolean arrived = owner == NONE || topology.complexOf(owner) != complex;
    owner = thread;
    if (arrived && batch.isEmpty()) {
      for (int other : waiting) {
        if (topology.complexOf(other) == complex) {
          batch.add(other);
        }
      }
      waiting.removeAll(batch);
    }
    return nanos;
  }

  /** Gives it up: the thread whose turn it is, or -1. */
  int release() {
    Integer next = batch.isEmpty() ? waiting.poll() : batch.poll();
    busy = next != null;
    return busy ? next : NONE;
  }

  /** What reading it takes; nobody waits for a reader. */
  double read(int thread, PagingCosts costs) {
    return owner == NONE || owner == thread
        ? costs.lineAtomic()
        : topology.transfer(costs, topology.complexOf(owner), topology.complexOf(thread));
  }
}
