package dev.quire.kvm.server;

import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.function.LongSupplier;

/**
 * Which clients' processes execute guests at the same time: so many that they keep the processors
 * busy, and so few that what their exits touch stays in the processors' own caches (docs/adr/0019).
 * While others wait, a process has its slot for 4 ms, and then goes to the end of the queue; one
 * whose client stays away loses it sooner, and goes before those that always have something to
 * execute when it has, too. A process that loses its slot finishes the turn it is in, so one that
 * hangs holds up nobody.
 *
 * <p>While slots are left, a process gets one at once and keeps it. Thread-safe; a lock is taken
 * only where slots change hands.
 */
final class RunSlots {
  /** Some thirty exits of a process when eight share two processors: the first is a cold one. */
  static final long QUANTUM_NS = 4_000_000;

  /** A client whose next KVM_RUN comes later than this after an exit did something else. */
  static final long SOON_NS = 250_000;

  /** A process with nothing to execute for so long loses its slot to one that waits. */
  static final long RESTING_NS = 1_000_000;

  /** So often those that rested go first, before one of the others has its turn. */
  static final int MOST_FAVOURS = 3;

  private final int most;
  private final LongSupplier clock;

  /** Who has a slot, who got it first in front; guarded by this. */
  private final List<RunSlot> holders = new ArrayList<>();

  // Who waits for one; not empty only if all are held. Guarded by this.

  /** Those that had nothing to execute for a while before. */
  private final ArrayDeque<RunSlot> rested = new ArrayDeque<>();

  private final ArrayDeque<RunSlot> busy = new ArrayDeque<>();

  /** How often in a row one that rested went before others. */
  private int favours;

  private volatile boolean contended;

  /**
   * @param most slots there are
   * @param clock nanoseconds
   */
  RunSlots(int most, LongSupplier clock) {
    if (most < 1) {
      throw new IllegalArgumentException(most + " slots: nothing would ever run");
    }
    this.most = most;
    this.clock = clock;
  }

  long now() {
    return clock.getAsLong();
  }

  /** Whether anybody waits. */
  boolean isContended() {
    return contended;
  }

  /** How many wait. */
  synchronized int waiting() {
    return rested.size() + busy.size();
  }

  /** Returns when somebody waits. */
  synchronized void awaitContention() throws InterruptedException {
    while (!contended) {
      wait();
    }
  }

  /**
   * Gives it a slot, or has it wait for one: whether it has one.
   *
   * @param hasRested whether it had nothing to execute for {@link #RESTING_NS} before
   */
  synchronized boolean request(RunSlot slot, boolean hasRested) {
    if (slot.state() == RunSlot.State.AWAY) {
      long now = now();
      if (holders.size() < most || !contended && takeAway(1, now) == 1) {
        hold(slot, now);
      } else {
        slot.setState(RunSlot.State.QUEUED);
        (hasRested ? rested : busy).add(slot);
        contended = true;
        notifyAll();
      }
    }
    return slot.state() == RunSlot.State.HELD;
  }

  /** It wants none any more, and who waits first gets what it had. */
  void leave(RunSlot slot) {
    RunSlot next = null;
    synchronized (this) {
      if (slot.state() == RunSlot.State.HELD) {
        holders.remove(slot);
        next = grant(now());
      } else if (slot.state() == RunSlot.State.QUEUED) {
        rested.remove(slot);
        busy.remove(slot);
        contended = waiting() > 0;
      }
      slot.setState(RunSlot.State.AWAY);
    }
    if (next != null) {
      next.wake();
    }
  }

  /**
   * Those who wait get the slots of those who had theirs for long enough or do not use them; to be
   * called every now and then while anybody waits.
   */
  void rotate() {
    List<RunSlot> granted = new ArrayList<>();
    synchronized (this) {
      long now = now();
      for (int free = takeAway(waiting(), now); free > 0; free--) {
        granted.add(grant(now));
      }
    }
    granted.forEach(RunSlot::wake);
  }

  private RunSlot grant(long now) {
    boolean favour = busy.isEmpty() || !rested.isEmpty() && favours < MOST_FAVOURS;
    favours = favour && !busy.isEmpty() ? favours + 1 : 0;
    RunSlot next = (favour ? rested : busy).poll();
    if (next != null) {
      contended = waiting() > 0;
      hold(next, now);
    }
    return next;
  }

  private void hold(RunSlot slot, long now) {
    slot.setState(RunSlot.State.HELD);
    slot.setHeldSince(now);
    holders.add(slot);
  }

  /** Takes slots from those who had theirs for long enough or do not use them: how many. */
  private int takeAway(int wanted, long now) {
    int taken = 0;
    Iterator<RunSlot> all = holders.iterator();
    while (taken < wanted && all.hasNext()) {
      RunSlot holder = all.next();
      if (now - holder.heldSince() >= QUANTUM_NS || holder.restedNs(now) > RESTING_NS) {
        all.remove();
        holder.setState(RunSlot.State.AWAY);
        taken++;
      }
    }
    return taken;
  }
}
