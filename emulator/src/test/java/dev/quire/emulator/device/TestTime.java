package dev.quire.emulator.device;

/** Virtual time for device tests: a clock that moves only by {@link #runTo}, and its events. */
public final class TestTime implements VirtualClock {
  private final EventQueue events = new EventQueue();
  private long now;

  public TestTime() {}

  /** A clock that starts in the middle, as a restored machine's does. */
  public TestTime(long nowNanos) {
    now = nowNanos;
  }

  public EventQueue events() {
    return events;
  }

  @Override
  public long nowNanos() {
    return now;
  }

  /** Stops at every deadline on the way, exactly, as the machine loop does. */
  public void runTo(long nanos) {
    while (events.nextDeadlineNanos() <= nanos) {
      now = Math.max(now, events.nextDeadlineNanos());
      events.runDue(now);
    }
    now = nanos;
  }

  public void run(long nanos) {
    runTo(now + nanos);
  }

  /** {@code base} times the test scale of the build profile. */
  public static int scaled(int base) {
    return base * Integer.getInteger("quire.test.scale", 1);
  }
}
