package dev.quire.emulator.restore;

import dev.quire.emulator.restore.UffdCall.Op;
import dev.quire.emulator.restore.UffdCall.Source;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.locks.LockSupport;

/**
 * The queue by which handler threads have the machine's thread make their calls: the modelled
 * kernel stays single-threaded. A caller waits for its call's end, spinning a little first, since
 * most calls take less than a thread's way to sleep and back.
 */
final class CallQueue implements UffdOps {
  static final int SPINS = Runtime.getRuntime().availableProcessors() > 1 ? 2_000 : 0;

  private static final class Pending {
    final UffdCall call;
    final Thread caller = Thread.currentThread();
    RuntimeException failure;
    volatile boolean done;

    Pending(UffdCall call) {
      this.call = call;
    }

    void finish(RuntimeException problem) {
      failure = problem;
      done = true;
      LockSupport.unpark(caller);
    }
  }

  private final UffdCalls calls;
  private final ConcurrentLinkedQueue<Pending> queue = new ConcurrentLinkedQueue<>();
  private final Thread machine = Thread.currentThread();
  private volatile String closed;

  /** Made by the machine's thread. */
  CallQueue(UffdCalls calls) {
    this.calls = calls;
  }

  boolean waiting() {
    return !queue.isEmpty();
  }

  /** Executes what waits. Machine thread only. */
  void serve() {
    for (Pending next = queue.poll(); next != null; next = queue.poll()) {
      RuntimeException failure = null;
      try {
        calls.execute(next.call);
      } catch (UffdCallException refused) {
        failure = refused;
      } catch (IllegalArgumentException wrong) {
        failure = wrong;
      }
      next.finish(failure);
    }
  }

  /** Refuses calls from now on, those that wait included. */
  void close(String reason) {
    closed = reason;
    for (Pending next = queue.poll(); next != null; next = queue.poll()) {
      next.finish(new IllegalStateException(reason));
    }
  }

  private void call(UffdCall call) {
    if (Thread.currentThread() == machine) {
      calls.execute(call);
      return;
    }
    Pending pending = new Pending(call);
    queue.add(pending);
    LockSupport.unpark(machine);
    String reason = closed;
    for (int spins = 0; !pending.done; spins++) {
      if (reason != null && queue.remove(pending)) {
        throw new IllegalStateException(reason);
      }
      if (Thread.currentThread().isInterrupted() && queue.remove(pending)) {
        throw new IllegalStateException("interrupted before " + call.text());
      }
      if (spins < SPINS) {
        Thread.onSpinWait();
      } else {
        LockSupport.parkNanos(this, 1_000_000);
      }
      reason = closed;
    }
    if (pending.failure != null) {
      throw pending.failure;
    }
  }

  @Override
  public GuestLayout layout() {
    return calls.layout();
  }

  @Override
  public void copy(long address, long fileOffset, long bytes) {
    call(new UffdCall.Copy(address, bytes, new Source(fileOffset, null)));
  }

  @Override
  public void copy(long address, byte[] contents) {
    call(new UffdCall.Copy(address, contents.length, new Source(0, contents)));
  }

  @Override
  public void zero(long address, long bytes) {
    call(new UffdCall.Plain(Op.ZERO, address, bytes));
  }

  @Override
  public void fill(long address, long fileOffset, long bytes) {
    call(new UffdCall.Fill(address, bytes, new Source(fileOffset, null)));
  }

  @Override
  public void fill(long address, byte[] contents) {
    call(new UffdCall.Fill(address, contents.length, new Source(0, contents)));
  }

  @Override
  public void resume(long address, long bytes) {
    call(new UffdCall.Plain(Op.RESUME, address, bytes));
  }

  @Override
  public void poison(long address, long bytes) {
    call(new UffdCall.Plain(Op.POISON, address, bytes));
  }

  @Override
  public void wake(long address, long bytes) {
    call(new UffdCall.Plain(Op.WAKE, address, bytes));
  }
}
