package dev.quire.lab.contention;

/**
 * The queues of one userfaultfd (Linux v6.4 fs/userfaultfd.c): faults that no reader has seen,
 * faults that one has, and the readers that poll. What walking and changing them costs is what the
 * lines of their entries cost.
 */
final class UffdQueues {
  private static final int NONE = -1;

  private final Topology topology;
  private final PagingCosts costs;
  final QueuedLock pendingLock;
  final QueuedLock readersLock;
  private final WaitList pending;
  private final WaitList seen;

  /** The thread that changed the head and lock of the second queue last. */
  private int seenWriter;

  private final int firstReader;
  private final int[] readerWriter;
  private final boolean[] idle;
  private final boolean[] ready;

  /**
   * @param threads there are, vCPUs and readers
   * @param firstReader first of the readers that poll
   * @param readers how many
   */
  UffdQueues(Topology topology, PagingCosts costs, int threads, int firstReader, int readers) {
    this.topology = topology;
    this.costs = costs;
    this.firstReader = firstReader;
    pendingLock = new QueuedLock(topology);
    readersLock = new QueuedLock(topology);
    pending = new WaitList(threads, topology);
    seen = new WaitList(threads, topology);
    seenWriter = firstReader;
    readerWriter = new int[readers];
    idle = new boolean[readers];
    ready = new boolean[readers];
    for (int i = 0; i < readers; i++) {
      readerWriter[i] = firstReader + i;
      idle[i] = true;
    }
  }

  /** handle_userfault: a vCPU's entry, with the lock held. */
  double insert(int vcpu) {
    return pending.add(vcpu, topology.complexOf(vcpu), costs);
  }

  /** What finding a reader to wake takes, who is {@link #wokenReader} then. */
  double findReader(int vcpu) {
    double nanos = 0;
    wokenReader = NONE;
    for (int i = 0; i < idle.length && wokenReader == NONE; i++) {
      nanos += line(readerWriter[i], vcpu);
      readerWriter[i] = vcpu;
      ready[i] = true;
      if (idle[i]) {
        idle[i] = false;
        wokenReader = firstReader + i;
      }
    }
    return nanos;
  }

  private int wokenReader = NONE;

  /** The reader found last, or -1: all of them were busy. */
  int wokenReader() {
    return wokenReader;
  }

  /** read: the fault that waits longest, or -1; with both locks held. */
  int oldest(int reader) {
    ready[reader - firstReader] = false;
    return pending.oldest();
  }

  /** What moving it among those that were seen takes, and the reader's own entry on its queue. */
  double take(int reader, int vcpu) {
    int complex = topology.complexOf(reader);
    double own = 2 * line(readerWriter[0], reader);
    readerWriter[0] = reader;
    return own
        + pending.remove(vcpu, complex, costs)
        + seen.add(vcpu, complex, costs)
        + touchSeen(reader);
  }

  /** What finding a vCPU among all that wait takes: both queues are walked to their ends. */
  double walk(int reader, int vcpu) {
    int complex = topology.complexOf(reader);
    return touchSeen(reader)
        + pending.walk(complex, costs)
        + seen.walk(complex, costs)
        + seen.remove(vcpu, complex, costs);
  }

  /** Whether a reader that has answered a fault finds another without sleeping. */
  boolean goesOn(int reader) {
    int i = reader - firstReader;
    readerWriter[i] = reader;
    boolean more = ready[i] && pending.size() > 0;
    if (!more) {
      idle[i] = true;
      ready[i] = false;
    }
    return more;
  }

  private double touchSeen(int thread) {
    double nanos = line(seenWriter, thread);
    seenWriter = thread;
    return nanos;
  }

  private double line(int writer, int thread) {
    return writer == thread
        ? costs.cacheHit()
        : topology.transfer(costs, topology.complexOf(writer), topology.complexOf(thread));
  }
}
