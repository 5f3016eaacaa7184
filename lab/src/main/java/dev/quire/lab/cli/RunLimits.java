package dev.quire.lab.cli;

import java.time.Duration;

/** Checks the options that bound a run; a failure has one line for the user. */
final class RunLimits {
  private static final long LONGEST_TIMEOUT_SECONDS = 30L * 24 * 3600;

  private RunLimits() {}

  /** Of {@code --max-instructions}; {@link Long#MAX_VALUE} if it was not given. */
  static long instructions(Long most) {
    if (most == null) {
      return Long.MAX_VALUE;
    }
    if (most < 1) {
      throw CommandFailure.usage("--max-instructions " + most + " is not positive");
    }
    return most;
  }

  /** Of {@code --timeout}; null if it was not given. */
  static Duration timeout(Double seconds) {
    if (seconds == null) {
      return null;
    }
    if (!(seconds > 0 && seconds <= LONGEST_TIMEOUT_SECONDS)) {
      throw CommandFailure.usage(
          "--timeout " + seconds + " is out of range: above 0, at most 30 days");
    }
    return Duration.ofNanos(Math.max(1, (long) (seconds * 1e9)));
  }
}
