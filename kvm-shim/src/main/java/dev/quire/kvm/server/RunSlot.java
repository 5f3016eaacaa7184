package dev.quire.kvm.server;

/**
 * What a process has of the {@link RunSlots}: a slot, a place in the queue, or neither. On the
 * process's thread, but for what says otherwise.
 */
final class RunSlot {
  /** Neither asks for a slot nor has one, waits for one, has one. */
  enum State {
    AWAY,
    QUEUED,
    HELD
  }

  /**
   * On a busy machine a client that does nothing else is late now and then, too; one that waits for
   * something else is so every time.
   */
  private static final int LAST_RETURNS = 0xff;

  private final RunSlots slots;
  private final Runnable granted;

  /** Written under the lock of the slots. */
  private volatile State state = State.AWAY;

  /** Guarded by the slots. */
  private long heldSince;

  /** Since when it has nothing to execute, 0 while it has. Written by the process's thread. */
  private volatile long restingSince;

  /** A bit for each of the last times that it had nothing: whether it soon had something again. */
  private int returns = 1;

  /**
   * @param granted called when a slot became its own that it had to wait for; by any thread
   */
  RunSlot(RunSlots slots, Runnable granted) {
    this.slots = slots;
    this.granted = granted;
    restingSince = slots.now() | 1;
  }

  /** There is something to execute: whether it may. If not, it is told when it may. */
  boolean take() {
    boolean hasRested = false;
    if (restingSince != 0) {
      long away = slots.now() - restingSince;
      returns = (returns << 1 | (away <= RunSlots.SOON_NS ? 1 : 0)) & LAST_RETURNS;
      hasRested = away > RunSlots.RESTING_NS;
      restingSince = 0;
    }
    return switch (state) {
      case HELD -> true;
      case QUEUED -> false;
      default -> slots.request(this, hasRested);
    };
  }

  /**
   * There is nothing to execute. Who is likely to have something again at once keeps its slot
   * meanwhile, so that it can go on while all it needs is in the caches.
   */
  void rest() {
    if (restingSince == 0) {
      restingSince = slots.now() | 1;
      if (state == State.QUEUED || state == State.HELD && returns == 0 && slots.isContended()) {
        slots.leave(this);
      }
    }
  }

  /** There will be nothing any more. */
  void end() {
    restingSince = slots.now() | 1;
    slots.leave(this);
  }

  /** For how long it had nothing to execute; 0 if it has. Any thread. */
  long restedNs(long now) {
    long since = restingSince;
    return since == 0 ? 0 : now - since;
  }

  // The rest is for the slots, under their lock but for wake.

  State state() {
    return state;
  }

  void setState(State to) {
    state = to;
  }

  long heldSince() {
    return heldSince;
  }

  void setHeldSince(long now) {
    heldSince = now;
  }

  void wake() {
    granted.run();
  }
}
