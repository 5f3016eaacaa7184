package dev.quire.kernel.uffd;

import dev.quire.kernel.mm.UffdWait;
import dev.quire.kernel.stat.KernelCounters;
import dev.quire.kernel.stat.Primitive;
import java.util.Iterator;

/**
 * Events that calls wait with until they are read (event_wqh), and how many have been announced and
 * not come to their end (mmap_changing). Used on the kernel's thread.
 */
final class EventQueue {
  private final KernelCounters counters;
  private final WaitQueue<EventWait> queue = new WaitQueue<>();
  private int changing;

  EventQueue(KernelCounters counters) {
    this.counters = counters;
  }

  /** A call that waits until its event was read. */
  private final class EventWait implements UffdWait {
    private final UffdMessage message;
    private boolean done;

    EventWait(UffdMessage message) {
      this.message = message;
    }

    private void finish() {
      done = true;
      changing--;
    }

    @Override
    public boolean woken() {
      return done;
    }

    @Override
    public long resume() {
      return 0;
    }

    @Override
    public void cancel() {
      if (!done) {
        queue.remove(this);
        finish();
      }
    }
  }

  void announce() {
    changing++;
  }

  void retract() {
    changing--;
  }

  boolean isChanging() {
    return changing > 0;
  }

  boolean isEmpty() {
    return queue.isEmpty();
  }

  /** An announced event is there. */
  UffdWait add(UffdMessage message) {
    counters.count(Primitive.UFFD_MESSAGE);
    counters.count(Primitive.CONTEXT_SWITCH);
    EventWait wait = new EventWait(message);
    queue.add(wait);
    return wait;
  }

  /** An announced event that nobody can read any more, because the descriptor is closed. */
  UffdWait pass(UffdMessage message) {
    EventWait wait = new EventWait(message);
    wait.finish();
    return wait;
  }

  /** Takes the event that came first, and lets its call go on; or null. */
  UffdMessage take() {
    EventWait first = queue.first();
    if (first == null) {
      return null;
    }
    queue.remove(first);
    counters.count(Primitive.UFFD_WAKE);
    first.finish();
    return first.message;
  }

  /** The descriptor is closed: nobody waits any more, and children lose contexts nobody has. */
  void releaseAll() {
    Iterator<EventWait> waits = queue.iterator();
    while (waits.hasNext()) {
      EventWait wait = waits.next();
      waits.remove();
      wait.finish();
      if (wait.message.child() != null) {
        wait.message.child().abandon();
      }
    }
  }
}
