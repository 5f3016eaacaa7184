package dev.quire.emulator.restore;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.locks.LockSupport;
import java.util.function.BooleanSupplier;

/**
 * Runs a handler on threads of its own while the machine's thread waits and makes the calls the
 * handler asks for. Threads take turns in order, one turn at a time, so that what happens never
 * depends on how threads are scheduled.
 *
 * <p>A handler may take as long as it likes with calls in progress; time in which the machine only
 * waits counts against the deadline of the turn. Its methods are the machine thread's.
 */
final class HandlerThreads implements AutoCloseable {
  private static final long PARK_NANOS = 200_000;

  /** What a thread does in its turn. */
  interface Work {
    void run(UffdHandler handler, UffdOps ops) throws Exception;
  }

  private static final class Turn {
    final Work work;
    Throwable failure;
    volatile boolean done;

    Turn(Work work) {
      this.work = work;
    }
  }

  private final UffdHandler handler;
  private final CallQueue calls;
  private final long deadlineNanos;
  private final BooleanSupplier stopped;
  private final List<Reader> readers = new ArrayList<>();
  private final Thread machine = Thread.currentThread();
  private long turns;
  private long wallNanos;

  /**
   * @param threads how many, 1 or more
   * @param deadline of silence in one turn
   * @param stopped whether the run was told to end meanwhile, from outside
   */
  HandlerThreads(
      UffdHandler handler,
      int threads,
      Duration deadline,
      UffdCalls calls,
      BooleanSupplier stopped) {
    this.handler = handler;
    this.calls = new CallQueue(calls);
    this.deadlineNanos = deadline.toNanos();
    this.stopped = stopped;
    for (int i = 0; i < threads; i++) {
      readers.add(new Reader("uffd-handler-" + i));
    }
  }

  UffdHandler handler() {
    return handler;
  }

  /** Wall-clock time that turns took, calls included. */
  long wallNanos() {
    return wallNanos;
  }

  /**
   * Gives the next thread a turn and makes its calls until it ends.
   *
   * @param what the turn is about, for messages
   * @return false if the run was told to end meanwhile
   * @throws HandlerDeadException if the handler throws or stays silent
   */
  boolean turn(String what, Work work) {
    long begin = System.nanoTime();
    Turn turn = new Turn(work);
    Reader reader = readers.get((int) (turns++ % readers.size()));
    reader.give(turn);
    try {
      if (!await(turn, what)) {
        return false;
      }
    } finally {
      wallNanos += System.nanoTime() - begin;
    }
    if (turn.failure != null) {
      throw dead(
          "handler '%s' failed at %s: %s".formatted(handler.name(), what, line(turn.failure)),
          turn.failure);
    }
    return true;
  }

  private boolean await(Turn turn, String what) {
    long waited = 0;
    long since = System.nanoTime();
    int spins = 0;
    while (waited <= deadlineNanos) {
      boolean ended = turn.done;
      if (calls.waiting()) {
        waited += System.nanoTime() - since;
        calls.serve();
        since = System.nanoTime();
        spins = 0;
      } else if (ended) {
        return true;
      } else if (spins++ < CallQueue.SPINS) {
        Thread.onSpinWait();
      } else {
        LockSupport.parkNanos(this, PARK_NANOS);
        long now = System.nanoTime();
        waited += now - since;
        since = now;
        if (stopped.getAsBoolean()) {
          return false;
        }
      }
    }
    throw dead(
        "handler '%s' did not answer %s by its deadline of %s s"
            .formatted(handler.name(), what, seconds(deadlineNanos)),
        null);
  }

  private HandlerDeadException dead(String message, Throwable cause) {
    close();
    return new HandlerDeadException(message, cause);
  }

  private static String line(Throwable failure) {
    String text = failure.getMessage();
    String type = failure.getClass().getSimpleName();
    return text == null ? type : type + ": " + text.lines().findFirst().orElse("");
  }

  private static String seconds(long nanos) {
    return nanos % 1_000_000_000 == 0 ? "" + nanos / 1_000_000_000 : "" + nanos / 1e9;
  }

  /** Threads end when their turn does; one that never ends is left behind, a daemon. */
  @Override
  public void close() {
    calls.close("the run of this handler is over");
    readers.forEach(Reader::end);
  }

  /** One handler thread. */
  private final class Reader implements Runnable {
    private final Thread thread;
    private volatile Turn next;
    private volatile boolean over;

    Reader(String name) {
      thread = Thread.ofPlatform().daemon().name(name).unstarted(this);
    }

    void give(Turn turn) {
      next = turn;
      if (thread.getState() == Thread.State.NEW) {
        thread.start();
      } else {
        LockSupport.unpark(thread);
      }
    }

    void end() {
      over = true;
      thread.interrupt();
    }

    @Override
    public void run() {
      int spins = 0;
      while (!over) {
        Turn turn = next;
        if (turn == null) {
          if (spins++ < CallQueue.SPINS) {
            Thread.onSpinWait();
          } else {
            LockSupport.park(this);
          }
          continue;
        }
        next = null;
        spins = 0;
        try {
          turn.work.run(handler, calls);
        } catch (Throwable failure) {
          turn.failure = failure;
        }
        turn.done = true;
        LockSupport.unpark(machine);
      }
    }
  }
}
