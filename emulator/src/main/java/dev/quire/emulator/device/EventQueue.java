package dev.quire.emulator.device;

import java.util.PriorityQueue;

/**
 * What devices have to do at a point of virtual time.
 *
 * <p>Order is total and reproducible: by time, then by the order in which the events were created
 * (not armed), so a machine restored from saved state, whose devices create the same events in the
 * same order, runs them in the same order. A device creates its events once and re-arms them. All
 * times are absolute virtual nanoseconds. Machine thread only.
 */
public final class EventQueue {
  /** Deadline of an event that is not armed, and of an empty queue. */
  public static final long NEVER = Long.MAX_VALUE;

  private final PriorityQueue<Event> armed = new PriorityQueue<>();
  private long created;

  /** Something to do at a time; identity is the key, belongs to one queue. */
  public static final class Event implements Comparable<Event> {
    private final long sequence;
    private final Runnable action;
    private long atNanos = NEVER;

    private Event(long sequence, Runnable action) {
      this.sequence = sequence;
      this.action = action;
    }

    /** When it is due, or {@link #NEVER}. */
    public long atNanos() {
      return atNanos;
    }

    public boolean isArmed() {
      return atNanos != NEVER;
    }

    @Override
    public int compareTo(Event other) {
      int byTime = Long.compare(atNanos, other.atNanos);
      return byTime != 0 ? byTime : Long.compare(sequence, other.sequence);
    }
  }

  /** An event that is not armed yet. */
  public Event create(Runnable action) {
    return new Event(created++, action);
  }

  /** Creates and arms an event. */
  public Event schedule(long atNanos, Runnable action) {
    Event event = create(action);
    reschedule(event, atNanos);
    return event;
  }

  /** Arms an event anew, armed or not; {@link #NEVER} cancels it. */
  public void reschedule(Event event, long atNanos) {
    if (event.atNanos == atNanos) {
      return;
    }
    cancel(event);
    if (atNanos != NEVER) {
      event.atNanos = atNanos;
      armed.add(event);
    }
  }

  /** Disarms an event; harmless when it is not armed. */
  public void cancel(Event event) {
    if (event.isArmed()) {
      armed.remove(event);
      event.atNanos = NEVER;
    }
  }

  /** When the machine must stop next, or {@link #NEVER}. */
  public long nextDeadlineNanos() {
    Event first = armed.peek();
    return first == null ? NEVER : first.atNanos;
  }

  /**
   * Runs, in order, every event due at or before {@code nowNanos}. An event is disarmed before its
   * action runs; an action that re-arms itself must pick a time after {@code nowNanos}, or it runs
   * again in this call.
   */
  public void runDue(long nowNanos) {
    Event first;
    while ((first = armed.peek()) != null && first.atNanos <= nowNanos) {
      armed.poll();
      first.atNanos = NEVER;
      first.action.run();
    }
  }
}
