package dev.quire.lab.cli;

import java.time.Duration;
import java.util.function.Consumer;

/** While open, ends a run when its wall-clock time is over. */
final class Watchdog implements AutoCloseable {
  private final Thread thread;

  /**
   * @param timeout null for no bound
   * @param stop is told why, on a thread of its own
   */
  Watchdog(Duration timeout, Consumer<String> stop) {
    if (timeout == null) {
      thread = null;
      return;
    }
    thread =
        Thread.ofPlatform()
            .daemon()
            .name("timeout")
            .start(
                () -> {
                  try {
                    Thread.sleep(timeout);
                    stop.accept("the timeout of " + text(timeout) + " s ran out");
                  } catch (InterruptedException ignored) {
                    // The run ended in time.
                  }
                });
  }

  private static String text(Duration duration) {
    double seconds = duration.toNanos() / 1e9;
    return seconds == Math.rint(seconds) ? Long.toString((long) seconds) : Double.toString(seconds);
  }

  @Override
  public void close() {
    if (thread != null) {
      thread.interrupt();
    }
  }
}
