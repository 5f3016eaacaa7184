package dev.quire.lab.bench;

import com.sun.management.ThreadMXBean;
import dev.quire.kernel.filemap.GrabDesign;
import dev.quire.kernel.mm.Process;
import java.lang.management.ManagementFactory;
import java.util.ArrayList;
import java.util.List;

/**
 * How fast the modelled kernel is, by processor time, and what a page costs in memory; then what
 * the time of each path goes to, by samples of its stack. The bounds are those of the project's
 * goals: five million small faults a second, 1.5 million of order 4, and no slower than the real
 * kernel at fork and munmap.
 */
public final class KernelBench {
  private static final String BENCH = "kernel";
  private static final double SECOND = 1e9;
  private static final double MILLI = 1e6;
  private static final double FAULTS_A_SECOND = 5e6;
  private static final double LARGE_FAULTS_A_SECOND = 1.5e6;
  private static final double INSERT_MILLIS = 150;
  private static final double FORK_MILLIS = 14;
  private static final double UNMAP_MILLIS = 58;
  private static final double BYTES_A_PAGE = 64;
  private static final double UNTOUCHED_BYTES = 1 << 20;

  /** Whose methods the profile tells apart, and how many of them. */
  private static final String KERNEL = "dev.quire.kernel.";

  private static final int MOST_METHODS = 6;

  /** What a thread's own bookkeeping may come to: no operation's share. */
  private static final double NO_BYTES = 0.01;

  private final int rounds;

  public KernelBench(int rounds) {
    this.rounds = rounds;
  }

  /** A path: what comes before it, outside the time, and after it. */
  private record Path(
      String name, String method, int operations, Runnable before, Runnable timed, Runnable after) {
    double nanos() {
      before.run();
      long start = CpuTime.thread();
      timed.run();
      long nanos = CpuTime.thread() - start;
      after.run();
      return (double) nanos / operations;
    }
  }

  public List<Ratio> run() {
    List<Path> paths = paths();
    TurnByTurn.Measured[] measured =
        paths.stream()
            .map(path -> (TurnByTurn.Measured) path::nanos)
            .toArray(TurnByTurn.Measured[]::new);
    double[] nanos = TurnByTurn.medians(rounds, measured);
    List<Ratio> results = new ArrayList<>();
    results.add(faults(paths.get(0), nanos[0], FAULTS_A_SECOND));
    results.add(faults(paths.get(1), nanos[1], LARGE_FAULTS_A_SECOND));
    results.add(whole(paths.get(2), nanos[2], "150 ms", INSERT_MILLIS));
    results.add(whole(paths.get(3), nanos[3], "150 ms", INSERT_MILLIS));
    results.add(whole(paths.get(4), nanos[4], "Linux, Xeon 4210R", FORK_MILLIS));
    results.add(whole(paths.get(5), nanos[5], "Linux, Xeon 4210R", UNMAP_MILLIS));
    results.add(allocation(paths.get(0)));
    results.add(allocation(paths.get(1)));
    results.add(untouched());
    results.add(inUse());
    for (int i = 0; i < nanos.length; i++) {
      results.addAll(profile(paths.get(i), nanos[i]));
    }
    return results;
  }

  private static List<Path> paths() {
    KernelPaths body = new KernelPaths();
    List<Path> paths = new ArrayList<>();
    for (int order : new int[] {0, 4}) {
      KernelPaths.Faults faults = new KernelPaths.Faults();
      faults.order = order;
      faults.map();
      String name = order == 0 ? "anonymous faults, order 0" : "anonymous faults, order " + order;
      paths.add(
          new Path(
              name,
              "fault",
              KernelPaths.FAULTS,
              () -> {},
              () -> body.fault(faults),
              faults::discard));
    }
    for (GrabDesign design : new GrabDesign[] {GrabDesign.ONE_BY_ONE, GrabDesign.BATCHED}) {
      KernelPaths.Guest guest = new KernelPaths.Guest();
      guest.design = design;
      String name =
          "3 GiB guest_memfd, " + (design == GrabDesign.BATCHED ? "batches" : "one by one");
      paths.add(
          new Path(
              name,
              "insert",
              KernelPaths.GUEST_PAGES,
              guest::open,
              () -> body.insert(guest),
              guest::close));
    }
    KernelPaths.Parent parent = new KernelPaths.Parent();
    parent.populate();
    paths.add(
        new Path(
            "fork of 1 GiB",
            "fork",
            KernelPaths.GIB_PAGES,
            () -> {},
            () -> body.fork(parent),
            parent::reap));
    KernelPaths.Mapping mapping = new KernelPaths.Mapping();
    paths.add(
        new Path(
            "munmap of 1 GiB",
            "unmap",
            KernelPaths.GIB_PAGES,
            mapping::populate,
            () -> body.unmap(mapping),
            () -> {}));
    return paths;
  }

  private static Ratio faults(Path path, double nanos, double perSecond) {
    String bound = "%.1f M/s".formatted(perSecond / MILLI);
    return Ratio.cost(BENCH, path.name, "ns", nanos, bound, SECOND / perSecond, 1);
  }

  private static Ratio whole(Path path, double nanos, String bound, double millis) {
    return Ratio.cost(BENCH, path.name, "ms", nanos * path.operations / MILLI, bound, millis, 1);
  }

  private static Ratio allocation(Path path) {
    ThreadMXBean threads = (ThreadMXBean) ManagementFactory.getThreadMXBean();
    long before = threads.getCurrentThreadAllocatedBytes();
    path.timed.run();
    double bytes = (threads.getCurrentThreadAllocatedBytes() - before) / (double) path.operations;
    path.after.run();
    return new Ratio(
        BENCH,
        path.name + ", allocation",
        "B/op",
        bytes,
        "none",
        0,
        bytes,
        "0 B/op",
        bytes < NO_BYTES);
  }

  /** A host of 64 GiB of which nothing was used yet. */
  private static Ratio untouched() {
    ThreadMXBean threads = (ThreadMXBean) ManagementFactory.getThreadMXBean();
    long before = threads.getCurrentThreadAllocatedBytes();
    Process process = KernelPaths.boot(0);
    double bytes = threads.getCurrentThreadAllocatedBytes() - before;
    if (process.kernel().frames().frames() != KernelPaths.HOST_PAGES) {
      throw new IllegalStateException("not the host that was asked for");
    }
    return Ratio.cost(BENCH, "64 GiB host, untouched", "B", bytes, "1 MiB", UNTOUCHED_BYTES, 1);
  }

  /** Everything that is allocated while 1 GiB is touched, by page: more than what stays. */
  private static Ratio inUse() {
    KernelPaths.Mapping mapping = new KernelPaths.Mapping();
    ThreadMXBean threads = (ThreadMXBean) ManagementFactory.getThreadMXBean();
    long before = threads.getCurrentThreadAllocatedBytes();
    mapping.populate();
    double bytes =
        (threads.getCurrentThreadAllocatedBytes() - before) / (double) KernelPaths.GIB_PAGES;
    return Ratio.cost(BENCH, "64 GiB host, page in use", "B", bytes, "64 B", BYTES_A_PAGE, 1);
  }

  /** The methods in which most of a path's time is spent, in nanoseconds of one operation. */
  private static List<Ratio> profile(Path path, double nanos) {
    List<Ratio> parts = new ArrayList<>();
    for (StackSamples.Share share :
        StackSamples.of(path::nanos, KernelPaths.class, path.method, KERNEL, MOST_METHODS)) {
      parts.add(
          Ratio.part(BENCH, "  " + share.method(), "ns", share.part() * nanos, path.name, nanos));
    }
    return parts;
  }
}
