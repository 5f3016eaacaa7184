package dev.quire.lab.cli;

import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;

/**
 * While open, Ctrl-C stops the run instead of killing the process: the run ends, its summary is
 * printed, and the process ends with the signal's exit code.
 */
final class InterruptGuard implements AutoCloseable {
  private static final long GRACE_SECONDS = 10;
  private static final CountDownLatch COMMAND_DONE = new CountDownLatch(1);

  private final Thread hook;

  InterruptGuard(Runnable interrupt) {
    hook =
        new Thread(
            () -> {
              interrupt.run();
              try {
                COMMAND_DONE.await(GRACE_SECONDS, TimeUnit.SECONDS);
              } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
              }
            },
            "interrupt");
    Runtime.getRuntime().addShutdownHook(hook);
  }

  /** The last output is written: what waits for it to end the process need not wait longer. */
  static void commandDone() {
    COMMAND_DONE.countDown();
  }

  @Override
  public void close() {
    try {
      Runtime.getRuntime().removeShutdownHook(hook);
    } catch (IllegalStateException ignored) {
      // The signal has come: the hook waits for the command's last output.
    }
  }
}
