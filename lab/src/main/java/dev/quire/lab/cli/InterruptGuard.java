package dev.quire.lab.cli;

/**
 * While open, Ctrl-C stops the run instead of killing the process: the run ends, its summary is
 * printed, and the process ends with the signal's exit code.
 */
final class InterruptGuard implements AutoCloseable {
  private static final long GRACE_MILLIS = 5_000;

  private final Thread worker = Thread.currentThread();
  private final Thread hook;
  private volatile boolean triggered;

  InterruptGuard(Runnable interrupt) {
    hook =
        new Thread(
            () -> {
              triggered = true;
              interrupt.run();
              try {
                worker.join(GRACE_MILLIS);
              } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
              }
            },
            "interrupt");
    Runtime.getRuntime().addShutdownHook(hook);
  }

  @Override
  public void close() {
    if (!triggered) {
      try {
        Runtime.getRuntime().removeShutdownHook(hook);
      } catch (IllegalStateException ignored) {
        // The signal came just now; the hook has its way.
      }
    }
  }
}
