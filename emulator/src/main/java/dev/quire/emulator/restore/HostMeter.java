package dev.quire.emulator.restore;

import dev.quire.kernel.stat.KernelCounters;

/**
 * Whose time host work is: modelled, as prices of what was counted, and by the wall clock. At any
 * moment one share runs. Allocates nothing after its making. Machine thread only.
 */
final class HostMeter {
  private static final HostWork[] WORK = HostWork.values();

  /** Shares of the host's time. */
  enum Share {
    /** The restore's mappings, registrations, slots. */
    SETUP,
    /** Contents put in place before the guest runs. */
    EAGER,
    /** The guest runs: nobody's. */
    GUEST,
    /** The kernel, in faults of vCPUs. */
    FAULT,
    /** Handlers, while a vCPU waits. */
    HANDLER,
    /** Handlers, while nobody waits. */
    BACKGROUND
  }

  private final KernelCounters counters;
  private final RestoreCosts costs;
  private final double[] nanos = new double[Share.values().length];
  private final long[] wallNanos = new long[Share.values().length];
  private final long[] work = new long[WORK.length];
  private Share current = Share.SETUP;
  private double countedUntil;
  private long wallUntil;

  HostMeter(KernelCounters counters, RestoreCosts costs) {
    this.counters = counters;
    this.costs = costs;
    countedUntil = costs.nanos(counters);
    wallUntil = System.nanoTime();
  }

  /** Ends the current share's turn and returns it. */
  Share enter(Share next) {
    settle();
    Share before = current;
    current = next;
    return before;
  }

  private void settle() {
    double counted = costs.nanos(counters);
    nanos[current.ordinal()] += counted - countedUntil;
    countedUntil = counted;
    long wall = System.nanoTime();
    wallNanos[current.ordinal()] += wall - wallUntil;
    wallUntil = wall;
  }

  /** Work of the current share beside the kernel's. */
  void add(HostWork kind, long times) {
    work[kind.ordinal()] += times;
    nanos[current.ordinal()] += costs.nanos(kind) * times;
  }

  /** How often it was done, by whomever. */
  long times(HostWork kind) {
    return work[kind.ordinal()];
  }

  double nanos(Share share) {
    settle();
    return nanos[share.ordinal()];
  }

  long wallNanos(Share share) {
    settle();
    return wallNanos[share.ordinal()];
  }

  /** Modelled time in which the guest did not run because of the host. */
  double stalledNanos() {
    settle();
    return nanos[Share.SETUP.ordinal()]
        + nanos[Share.EAGER.ordinal()]
        + nanos[Share.FAULT.ordinal()]
        + nanos[Share.HANDLER.ordinal()];
  }
}
