package dev.quire.emulator.device;

/**
 * A clock of {@code hertz} derived from virtual nanoseconds by exact rational arithmetic: tick
 * {@code k} happens at the first nanosecond not before {@code k * 10^9 / hertz}, so nothing drifts
 * and {@code ticksAt(nanosAt(k)) == k}. Hertz is at most 10^9; times are not negative. Saturates at
 * {@link EventQueue#NEVER} instead of overflowing.
 */
public record TickRate(long hertz) {
  private static final long NANOS_PER_SECOND = 1_000_000_000L;

  /** Rejects a frequency whose ticks a nanosecond clock cannot tell apart. */
  public TickRate {
    if (hertz < 1 || hertz > NANOS_PER_SECOND) {
      throw new IllegalArgumentException("a clock of " + hertz + " Hz");
    }
  }

  /** Ticks that have happened by {@code nanos}. */
  public long ticksAt(long nanos) {
    long seconds = nanos / NANOS_PER_SECOND;
    return seconds * hertz + nanos % NANOS_PER_SECOND * hertz / NANOS_PER_SECOND;
  }

  /** The nanosecond at which tick number {@code tick} happens. */
  public long nanosAt(long tick) {
    long seconds = tick / hertz;
    if (seconds >= EventQueue.NEVER / NANOS_PER_SECOND) {
      return EventQueue.NEVER;
    }
    long part = tick % hertz * NANOS_PER_SECOND;
    return seconds * NANOS_PER_SECOND + (part + hertz - 1) / hertz;
  }
}
