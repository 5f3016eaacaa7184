package dev.quire.lab.contention;

import java.util.Arrays;

/**
 * Threads on a wait queue: an entry is a line on its thread's stack, which a processor that walks
 * the queue has in its cache or must get from the one that changed it last. Newest first.
 */
final class WaitList {
  private static final int NONE = -1;

  private final Topology topology;
  private final int[] next;
  private final int[] previous;

  /** The complex that changed an entry last, and a bit for each that has it in its cache. */
  private final int[] writer;

  private final long[] cachedBy;
  private int first = NONE;
  private int last = NONE;
  private int size;

  WaitList(int threads, Topology topology) {
    this.topology = topology;
    next = new int[threads];
    previous = new int[threads];
    writer = new int[threads];
    cachedBy = new long[threads];
    Arrays.fill(next, NONE);
    Arrays.fill(previous, NONE);
  }

  int size() {
    return size;
  }

  /** The one that waits longest, or -1. */
  int oldest() {
    return last;
  }

  /** Puts a thread's entry at the head: its line and its neighbour's change. */
  double add(int thread, int complex, PagingCosts costs) {
    double nanos = change(thread, complex, costs);
    if (first != NONE) {
      nanos += change(first, complex, costs);
      previous[first] = thread;
    } else {
      last = thread;
    }
    next[thread] = first;
    previous[thread] = NONE;
    first = thread;
    size++;
    return nanos;
  }

  /** Takes an entry out: the lines of both neighbours change. */
  double remove(int thread, int complex, PagingCosts costs) {
    double nanos = change(thread, complex, costs);
    int before = previous[thread];
    int after = next[thread];
    if (before == NONE) {
      first = after;
    } else {
      next[before] = after;
      nanos += change(before, complex, costs);
    }
    if (after == NONE) {
      last = before;
    } else {
      previous[after] = before;
      nanos += change(after, complex, costs);
    }
    size--;
    return nanos;
  }

  /** Looks at every entry. */
  double walk(int complex, PagingCosts costs) {
    double nanos = 0;
    for (int thread = first; thread != NONE; thread = next[thread]) {
      nanos += read(thread, complex, costs);
    }
    return nanos;
  }

  private double read(int thread, int complex, PagingCosts costs) {
    long bit = 1L << complex;
    if ((cachedBy[thread] & bit) != 0) {
      return costs.cacheHit();
    }
    cachedBy[thread] |= bit;
    return topology.transfer(costs, writer[thread], complex);
  }

  private double change(int thread, int complex, PagingCosts costs) {
    double nanos =
        cachedBy[thread] == 1L << complex
            ? costs.cacheHit()
            : topology.transfer(costs, writer[thread], complex);
    writer[thread] = complex;
    cachedBy[thread] = 1L << complex;
    return nanos;
  }
}
