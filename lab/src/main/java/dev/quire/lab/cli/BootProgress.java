package dev.quire.lab.cli;

import dev.quire.lab.cli.GuestRunner.GuestRun;
import java.io.PrintStream;
import java.util.Locale;
import me.tongfei.progressbar.DelegatingProgressBarConsumer;
import me.tongfei.progressbar.ProgressBar;
import me.tongfei.progressbar.ProgressBarBuilder;
import me.tongfei.progressbar.ProgressBarStyle;

/**
 * Tells a person that a long run goes on: a bar on a terminal while the guest is silent, a line now
 * and then elsewhere. Its own daemon thread; shows nothing at all for short runs.
 */
final class BootProgress implements AutoCloseable {
  private static final long PATIENCE_MILLIS = 2_000;
  private static final long LINE_EVERY_MILLIS = 10_000;
  private static final long BAR_EVERY_MILLIS = 250;
  private static final int BAR_COLUMNS = 78;

  private final Invocation invocation;
  private final ConsoleOutput console;
  private final GuestRun run;
  private final String guest;
  private final long maxInstructions;
  private final Thread thread;

  BootProgress(
      Invocation invocation,
      ConsoleOutput console,
      GuestRun run,
      String guest,
      long maxInstructions) {
    this.invocation = invocation;
    this.console = console;
    this.run = run;
    this.guest = guest;
    this.maxInstructions = maxInstructions;
    this.thread = new Thread(this::show, "progress");
    thread.setDaemon(true);
    thread.start();
  }

  private void show() {
    try {
      Thread.sleep(PATIENCE_MILLIS);
      if (invocation.errIsTerminal()) {
        showBar();
      } else {
        showLines();
      }
    } catch (InterruptedException ignored) {
      // The run is over.
    }
  }

  private void showBar() throws InterruptedException {
    PrintStream err = invocation.err();
    Runnable erase = () -> err.print("\r" + " ".repeat(BAR_COLUMNS) + "\r");
    DelegatingProgressBarConsumer consumer =
        new DelegatingProgressBarConsumer(
            text -> {
              if (console.silentMillis() >= PATIENCE_MILLIS) {
                console.between(() -> err.print("\r" + text), erase);
              }
            },
            BAR_COLUMNS);
    try (ProgressBar bar =
        new ProgressBarBuilder()
            .setTaskName(guest)
            .setInitialMax(maxInstructions)
            .setUnit(" Minsn", 1_000_000)
            .setStyle(ProgressBarStyle.ASCII)
            .setUpdateIntervalMillis((int) BAR_EVERY_MILLIS)
            .setConsumer(consumer)
            .build()) {
      while (true) {
        bar.stepTo(Math.max(0, run.instructionsSoFar()));
        Thread.sleep(BAR_EVERY_MILLIS);
      }
    }
  }

  private void showLines() throws InterruptedException {
    long seconds = PATIENCE_MILLIS / 1000;
    while (true) {
      invocation
          .err()
          .printf(
              Locale.ROOT,
              "quire: %s runs, %d s, %,d instructions%n",
              guest,
              seconds,
              run.instructionsSoFar());
      Thread.sleep(LINE_EVERY_MILLIS);
      seconds += LINE_EVERY_MILLIS / 1000;
    }
  }

  @Override
  public void close() {
    thread.interrupt();
    try {
      thread.join(1_000);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }
}
