package dev.quire.lab.bench;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.concurrent.TimeUnit;

/** Runs a program to its end and tells how long that took. */
final class ChildProcess {
  private static final long LONGEST_MINUTES = 10;

  private ChildProcess() {}

  /**
   * Wall-clock nanoseconds from start to end; output is thrown away. Any exit code but the expected
   * one is an {@link IllegalStateException}.
   */
  static long wallNanos(int expectedExitCode, String... command) {
    long start = System.nanoTime();
    try {
      Process process =
          new ProcessBuilder(command)
              .redirectInput(ProcessBuilder.Redirect.from(new java.io.File("/dev/null")))
              .redirectOutput(ProcessBuilder.Redirect.DISCARD)
              .redirectError(ProcessBuilder.Redirect.DISCARD)
              .start();
      if (!process.waitFor(LONGEST_MINUTES, TimeUnit.MINUTES)) {
        process.destroyForcibly();
        throw new IllegalStateException(command[0] + " did not end within ten minutes");
      }
      if (process.exitValue() != expectedExitCode) {
        throw new IllegalStateException(
            String.join(" ", command) + " ended with exit code " + process.exitValue());
      }
    } catch (IOException e) {
      throw new UncheckedIOException("cannot start " + command[0], e);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IllegalStateException("interrupted", e);
    }
    return System.nanoTime() - start;
  }
}
