package dev.quire.lab.sweep;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Queue;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.atomic.AtomicReference;

/** Runs cells, each in a process of its own, several at a time. */
public final class SweepRunner {
  /** Told of what happens, from several threads. */
  public interface Listener {
    /** A cell's result is on the disk. */
    void ended(SweepCell cell, CellResult result);
  }

  private final List<String> quire;
  private final int timeoutSeconds;
  private final Listener listener;
  private final Set<CellProcess> running = ConcurrentHashMap.newKeySet();
  private volatile boolean stopped;

  /**
   * @param quire the program and its first arguments, to which a cell's command is added
   * @param timeoutSeconds for one cell; 0 for no limit
   */
  public SweepRunner(List<String> quire, int timeoutSeconds, Listener listener) {
    this.quire = List.copyOf(quire);
    this.timeoutSeconds = timeoutSeconds;
    this.listener = listener;
  }

  /** Ends all processes; cells under way are not recorded. From any thread. */
  public void stop() {
    stopped = true;
    running.forEach(CellProcess::kill);
  }

  /**
   * Runs cells that the results lack.
   *
   * @param jobs how many at a time
   * @return whether all of them have a result now; false after {@link #stop}
   * @throws IOException if results cannot be written
   */
  public boolean run(List<SweepCell> cells, SweepResults results, int jobs) throws IOException {
    Queue<SweepCell> queue = new ConcurrentLinkedQueue<>();
    cells.stream().filter(cell -> !results.has(cell)).forEach(queue::add);
    AtomicReference<Exception> failure = new AtomicReference<>();
    List<Thread> workers = new ArrayList<>();
    for (int i = Math.min(jobs, queue.size()); i > 0; i--) {
      workers.add(
          Thread.ofPlatform().name("sweep-" + i).start(() -> work(queue, results, failure)));
    }
    for (Thread worker : workers) {
      join(worker);
    }
    switch (failure.get()) {
      case null -> {
        return !stopped;
      }
      case IOException io -> throw io;
      case Exception other -> throw new IllegalStateException(other);
    }
  }

  private void join(Thread worker) {
    while (true) {
      try {
        worker.join();
        return;
      } catch (InterruptedException e) {
        stop();
      }
    }
  }

  private void work(
      Queue<SweepCell> queue, SweepResults results, AtomicReference<Exception> failure) {
    try {
      for (SweepCell cell = queue.poll(); cell != null && !stopped; cell = queue.poll()) {
        CellResult result = run(cell);
        if (result == null) {
          return;
        }
        results.add(result);
        listener.ended(cell, result);
      }
    } catch (IOException | UncheckedIOException | IllegalStateException e) {
      failure.compareAndSet(null, e instanceof UncheckedIOException io ? io.getCause() : e);
      stop();
    }
  }

  /** Null if it was stopped. */
  private CellResult run(SweepCell cell) throws IOException {
    CellProcess process = CellProcess.start(quire, cell);
    running.add(process);
    try {
      if (stopped) {
        process.kill();
      }
      CellResult result = process.result(timeoutSeconds);
      if (CellProcess.askedToEnd(result.exitCode())) {
        // Ctrl-C and schedulers reach the whole group of processes: the sweep is meant.
        stop();
      }
      return stopped ? null : result;
    } finally {
      running.remove(process);
    }
  }
}
