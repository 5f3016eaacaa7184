package dev.quire.lab.contention;

import java.util.PriorityQueue;
import java.util.SplittableRandom;

/**
 * vCPUs that touch one missing page after another, as in KVM's demand_paging_test: a discrete event
 * simulation of who waits for what. A thread goes through the steps of its path again and again;
 * locks, cache lines and wake-ups that it shares with others make it wait. What is shared, and how
 * often each step touches it, was read out of Linux v6.4 (virt/kvm, mm/gup.c, mm/userfaultfd.c,
 * fs/userfaultfd.c, fs/eventpoll.c); what no other thread disturbs is one price a page.
 *
 * <p>Deterministic for a seed. One thread; no state outlives {@link #pagesPerSecond}.
 */
public final class PagingSimulation {
  /** Steps of a path. Reads and atomics are of the line that is named. */
  private enum Step {
    /** Half of what a page takes undisturbed. */
    WORK,
    /** The line of mm_struct with mm_users, mm_count, pgd and mmap_lock. */
    MM_READ,
    MM_ATOMIC,
    /** The line of struct kvm with mmu_lock and the memslots. */
    MMU_READ,
    MMU_ATOMIC,
    /** The reference count of the userfaultfd's file. */
    FILE_ATOMIC,
    /** The reference count of the userfaultfd's context. */
    CONTEXT_ATOMIC,
    LOCK_PENDING,
    UNLOCK_PENDING,
    LOCK_READERS,
    UNLOCK_READERS,
    INSERT,
    WAKE_READER,
    TAKE,
    /** Back to polling if another reader was quicker. */
    ANSWER_OR_POLL,
    WAKE_VCPU,
    POLL,
    SLEEP,
    PAGE_DONE,
    AGAIN
  }

  /** A vCPU that asks for the page itself: exit, UFFDIO_CONTINUE, entry, second fault. */
  private static final Step[] EXIT_PATH = {
    Step.WORK,
    Step.MMU_READ,
    Step.MM_READ,
    Step.FILE_ATOMIC,
    Step.MM_ATOMIC,
    Step.MM_ATOMIC,
    Step.MM_READ,
    Step.MM_ATOMIC,
    Step.MM_ATOMIC,
    Step.FILE_ATOMIC,
    Step.WORK,
    Step.MMU_READ,
    Step.MM_READ,
    Step.MMU_ATOMIC,
    Step.MMU_ATOMIC,
    Step.PAGE_DONE
  };

  /** A vCPU that sleeps in handle_userfault, then retries. */
  private static final Step[] VCPU_PATH = {
    Step.WORK,
    Step.MMU_READ,
    Step.MM_READ,
    Step.MM_ATOMIC,
    Step.MM_READ,
    Step.CONTEXT_ATOMIC,
    Step.LOCK_PENDING,
    Step.INSERT,
    Step.UNLOCK_PENDING,
    Step.MM_ATOMIC,
    Step.LOCK_READERS,
    Step.WAKE_READER,
    Step.UNLOCK_READERS,
    Step.MM_ATOMIC,
    Step.SLEEP,
    Step.MM_ATOMIC,
    Step.CONTEXT_ATOMIC,
    Step.MM_ATOMIC,
    Step.MM_READ,
    Step.MM_ATOMIC,
    Step.WORK,
    Step.MMU_READ,
    Step.MM_READ,
    Step.MMU_ATOMIC,
    Step.MMU_ATOMIC,
    Step.PAGE_DONE
  };

  /** A reader: epoll_wait, read, UFFDIO_CONTINUE with its wake-up. */
  private static final Step[] READER_PATH = {
    Step.SLEEP,
    Step.MM_ATOMIC,
    Step.FILE_ATOMIC,
    Step.LOCK_READERS,
    Step.LOCK_PENDING,
    Step.TAKE,
    Step.UNLOCK_PENDING,
    Step.UNLOCK_READERS,
    Step.FILE_ATOMIC,
    Step.ANSWER_OR_POLL,
    Step.FILE_ATOMIC,
    Step.MM_ATOMIC,
    Step.MM_ATOMIC,
    Step.MM_READ,
    Step.MM_ATOMIC,
    Step.MM_ATOMIC,
    Step.LOCK_PENDING,
    Step.WAKE_VCPU,
    Step.UNLOCK_PENDING,
    Step.FILE_ATOMIC,
    Step.POLL,
    Step.MM_ATOMIC,
    Step.AGAIN
  };

  /** Where a reader goes on that found another fault, and one that found none. */
  private static final int READ_AT = indexOf(Step.FILE_ATOMIC);

  private static final int POLL_AT = indexOf(Step.POLL);

  /** Pages that are paged in before measuring, and then: at least, and for each vCPU. */
  private static final int WARM_UP = 500;

  private static final int MEASURED = 3000;
  private static final int WARM_UP_EACH = 6;
  private static final int MEASURED_EACH = 14;
  private static final double NANOS = 1e9;
  private static final int NONE = -1;

  private record Event(double time, long sequence, int thread) implements Comparable<Event> {
    @Override
    public int compareTo(Event other) {
      int byTime = Double.compare(time, other.time);
      return byTime != 0 ? byTime : Long.compare(sequence, other.sequence);
    }
  }

  private final PagingCosts costs;
  private final PagingMode mode;
  private final int vcpus;
  private final double slowdown;
  private final SplittableRandom random;
  private final PriorityQueue<Event> events = new PriorityQueue<>();

  /** By thread, vCPUs before readers: its step, and whether it has what that step waits for. */
  private final int[] at;

  private final boolean[] granted;
  private final boolean[] asleep;
  private final boolean[] wokenEarly;
  private final int[] serving;

  private final SharedLine mm;
  private final SharedLine mmu;
  private final SharedLine[] files;
  private final SharedLine[] contexts;
  private final UffdQueues[] queues;
  private double wakeUpsBusyUntil;
  private double now;
  private long sequence;
  private long pages;

  private PagingSimulation(
      Topology topology, PagingCosts costs, PagingMode mode, int vcpus, long seed) {
    this.costs = costs;
    this.mode = mode;
    this.vcpus = vcpus;
    slowdown = topology.slowdown(vcpus);
    random = new SplittableRandom(seed);
    int threads = mode.exits() ? vcpus : 2 * vcpus;
    at = new int[threads];
    granted = new boolean[threads];
    asleep = new boolean[threads];
    wokenEarly = new boolean[threads];
    serving = new int[threads];
    mm = new SharedLine(topology);
    mmu = new SharedLine(topology);
    int count = mode.shared() ? 1 : vcpus;
    files = new SharedLine[count];
    contexts = new SharedLine[count];
    queues = new UffdQueues[mode.exits() ? 0 : count];
    for (int i = 0; i < count; i++) {
      files[i] = new SharedLine(topology);
      contexts[i] = new SharedLine(topology);
      if (!mode.exits()) {
        queues[i] = new UffdQueues(topology, costs, threads, vcpus + i, mode.shared() ? vcpus : 1);
      }
    }
    for (int thread = 0; thread < threads; thread++) {
      goOnAfter(thread, thread < vcpus ? random.nextDouble() * costs.exitPageWork() : 0);
    }
  }

  /**
   * Simulates.
   *
   * @param vcpus how many, each with a page to touch at any time
   * @param seed of how much a page's work varies
   * @return the rate of all vCPUs together
   */
  public static double pagesPerSecond(
      Topology topology, PagingCosts costs, PagingMode mode, int vcpus, long seed) {
    if (vcpus < 1) {
      throw new IllegalArgumentException("no vCPUs");
    }
    return new PagingSimulation(topology, costs, mode, vcpus, seed).run();
  }

  private double run() {
    long warmUp = Math.max(WARM_UP, (long) WARM_UP_EACH * vcpus);
    long measured = Math.max(MEASURED, (long) MEASURED_EACH * vcpus);
    advanceTo(warmUp);
    double start = now;
    advanceTo(warmUp + measured);
    return measured / (now - start) * NANOS;
  }

  private void advanceTo(long page) {
    while (pages < page) {
      Event event = events.poll();
      if (event == null) {
        throw new IllegalStateException("every thread sleeps");
      }
      now = event.time();
      boolean runs = true;
      while (runs && pages < page) {
        runs = step(event.thread());
      }
      if (runs) {
        goOnAfter(event.thread(), 0);
      }
    }
  }

  private void goOnAfter(int thread, double nanos) {
    events.add(new Event(now + nanos * slowdown, sequence++, thread));
  }

  private Step[] path(int thread) {
    return thread >= vcpus ? READER_PATH : mode.exits() ? EXIT_PATH : VCPU_PATH;
  }

  private int queueOf(int thread) {
    return mode.shared() ? 0 : thread % vcpus;
  }

  /** One step; whether the thread goes on at once. */
  private boolean step(int thread) {
    int queue = queueOf(thread);
    return switch (path(thread)[at[thread]]) {
      case WORK -> busy(thread, work() / 2);
      case MM_READ -> busy(thread, mm.read(thread, costs));
      case MMU_READ -> busy(thread, mmu.read(thread, costs));
      case MM_ATOMIC -> atomic(thread, mm);
      case MMU_ATOMIC -> atomic(thread, mmu);
      case FILE_ATOMIC -> atomic(thread, files[queue]);
      case CONTEXT_ATOMIC -> atomic(thread, contexts[queue]);
      case LOCK_PENDING -> lock(thread, queues[queue].pendingLock);
      case UNLOCK_PENDING -> unlock(thread, queues[queue].pendingLock);
      case LOCK_READERS -> lock(thread, queues[queue].readersLock);
      case UNLOCK_READERS -> unlock(thread, queues[queue].readersLock);
      case INSERT -> busy(thread, queues[queue].insert(thread));
      case WAKE_READER -> wakeReader(thread, queues[queue]);
      case TAKE -> take(thread, queues[queue]);
      case ANSWER_OR_POLL -> jump(thread, serving[thread] == NONE ? POLL_AT : at[thread] + 1);
      case WAKE_VCPU -> wakeVcpu(thread, queues[queue]);
      case POLL -> jump(thread, queues[queue].goesOn(thread) ? READ_AT : at[thread] + 1);
      case SLEEP -> sleep(thread);
      case PAGE_DONE -> {
        pages++;
        yield jump(thread, 0);
      }
      case AGAIN -> jump(thread, 0);
    };
  }

  /** A page's work varies by half of it either way. */
  private double work() {
    double nanos = mode.exits() ? costs.exitPageWork() : costs.uffdPageWork();
    return nanos * (0.5 + random.nextDouble());
  }

  private boolean jump(int thread, int step) {
    at[thread] = step;
    return true;
  }

  private boolean busy(int thread, double nanos) {
    at[thread]++;
    goOnAfter(thread, nanos);
    return false;
  }

  private boolean atomic(int thread, SharedLine line) {
    if (granted[thread]) {
      granted[thread] = false;
      at[thread]++;
      int next = line.release();
      if (next != NONE) {
        grant(next, line.serve(next, costs));
      }
      return true;
    }
    if (line.acquire(thread)) {
      grant(thread, line.serve(thread, costs));
    }
    return false;
  }

  private boolean lock(int thread, QueuedLock lock) {
    if (granted[thread]) {
      granted[thread] = false;
      at[thread]++;
      return true;
    }
    if (lock.acquire(thread)) {
      grant(thread, lock.handOver(costs));
    }
    return false;
  }

  private boolean unlock(int thread, QueuedLock lock) {
    at[thread]++;
    int next = lock.release();
    if (next != NONE) {
      grant(next, lock.handOver(costs));
    }
    return true;
  }

  private void grant(int thread, double nanos) {
    granted[thread] = true;
    goOnAfter(thread, nanos);
  }

  private boolean wakeReader(int thread, UffdQueues queue) {
    double found = queue.findReader(thread);
    return busy(thread, queue.wokenReader() == NONE ? found : wake(queue.wokenReader(), found));
  }

  private boolean take(int thread, UffdQueues queue) {
    int vcpu = queue.oldest(thread);
    serving[thread] = vcpu;
    return busy(thread, vcpu == NONE ? costs.cacheHit() : queue.take(thread, vcpu));
  }

  private boolean wakeVcpu(int thread, UffdQueues queue) {
    int vcpu = serving[thread];
    return busy(thread, wake(vcpu, queue.walk(thread, vcpu)));
  }

  private boolean sleep(int thread) {
    if (wokenEarly[thread]) {
      wokenEarly[thread] = false;
      at[thread]++;
      return true;
    }
    asleep[thread] = true;
    return false;
  }

  /**
   * Wakes a thread: wake-ups of the process pass one at a time.
   *
   * @param after nanoseconds until this one begins
   * @return nanoseconds until it is done
   */
  private double wake(int thread, double after) {
    double start = Math.max(now + after * slowdown, wakeUpsBusyUntil);
    wakeUpsBusyUntil = start + costs.wakeUp() * slowdown;
    double nanos = (wakeUpsBusyUntil - now) / slowdown;
    if (asleep[thread]) {
      asleep[thread] = false;
      at[thread]++;
      goOnAfter(thread, nanos);
    } else {
      wokenEarly[thread] = true;
    }
    return nanos;
  }

  private static int indexOf(Step step) {
    int index = 0;
    while (READER_PATH[index] != step) {
      index++;
    }
    return index;
  }
}
