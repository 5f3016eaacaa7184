package dev.quire.kernel.uffd;

import dev.quire.kernel.stat.KernelCounters;
import dev.quire.kernel.stat.Primitive;
import java.util.Iterator;

/**
 * Faults that wait for user space: those nobody read yet, and those that were read and not yet
 * woken (fault_pending_wqh and fault_wqh). Every access queues a message of its own, whatever
 * others wait for. Used on the kernel's thread.
 */
final class FaultQueues {
  private final KernelCounters counters;
  private final WaitQueue<FaultWait> pending = new WaitQueue<>();
  private final WaitQueue<FaultWait> read = new WaitQueue<>();

  FaultQueues(KernelCounters counters) {
    this.counters = counters;
  }

  boolean hasPending() {
    return !pending.isEmpty();
  }

  FaultWait add(UffdMessage message) {
    counters.count(Primitive.UFFD_MESSAGE);
    counters.count(Primitive.CONTEXT_SWITCH);
    FaultWait wait = new FaultWait(this, message);
    pending.add(wait);
    return wait;
  }

  /** Takes the message that came first, or null. */
  UffdMessage take() {
    FaultWait first = pending.first();
    if (first == null) {
      return null;
    }
    pending.remove(first);
    read.add(first);
    return first.message();
  }

  /** Wakes whose message has an address in a range (wake_userfault). */
  void wake(long start, long bytes) {
    wake(pending, start, bytes);
    wake(read, start, bytes);
  }

  /** Wakes everybody: the descriptor is closed. */
  void wakeAll() {
    wake(0, Long.MAX_VALUE);
  }

  private void wake(WaitQueue<FaultWait> queue, long start, long bytes) {
    Iterator<FaultWait> waits = queue.iterator();
    while (waits.hasNext()) {
      FaultWait wait = waits.next();
      long offset = wait.message().address() - start;
      if (offset >= 0 && offset < bytes) {
        counters.count(Primitive.UFFD_WAKE);
        waits.remove();
        wait.wake();
      }
    }
  }

  void remove(FaultWait wait) {
    pending.remove(wait);
    read.remove(wait);
  }
}
