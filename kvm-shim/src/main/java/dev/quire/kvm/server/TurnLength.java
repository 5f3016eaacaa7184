package dev.quire.kvm.server;

/**
 * How many instructions a vCPU executes at a time: so many that a turn takes about a millisecond,
 * whatever the guest does, since the process's sockets are looked at between turns.
 */
final class TurnLength {
  static final long FIRST = 20_000;

  private static final long LEAST = 500;
  private static final long MOST = 2_000_000;
  private static final long AIM_NS = 1_000_000;

  private TurnLength() {}

  /** The next turn's, after one of {@code length} that took {@code elapsedNs}. */
  static long next(long length, long elapsedNs) {
    if (elapsedNs > 2 * AIM_NS) {
      return Math.max(LEAST, length * AIM_NS / elapsedNs);
    }
    return elapsedNs < AIM_NS / 2 ? Math.min(MOST, 2 * length) : length;
  }
}
