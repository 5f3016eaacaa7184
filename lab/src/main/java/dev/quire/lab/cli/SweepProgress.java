package dev.quire.lab.cli;

import dev.quire.lab.sweep.CellResult;
import dev.quire.lab.sweep.SweepCell;
import java.io.PrintStream;
import java.util.Locale;
import java.util.concurrent.atomic.AtomicInteger;
import me.tongfei.progressbar.DelegatingProgressBarConsumer;
import me.tongfei.progressbar.ProgressBar;
import me.tongfei.progressbar.ProgressBarBuilder;
import me.tongfei.progressbar.ProgressBarStyle;

/**
 * Tells a person how far a sweep is: a bar on a terminal, a line now and then elsewhere, and a line
 * for each cell that fails. Its own daemon thread prints; any thread tells it.
 */
final class SweepProgress implements AutoCloseable {
  private static final long PATIENCE_MILLIS = 2_000;
  private static final long LINE_EVERY_MILLIS = 10_000;
  private static final long BAR_EVERY_MILLIS = 250;
  private static final int BAR_COLUMNS = 78;

  private final Invocation invocation;
  private final boolean quiet;
  private final int cells;
  private final AtomicInteger done;
  private final AtomicInteger failed = new AtomicInteger();
  private final Thread thread;

  SweepProgress(Invocation invocation, boolean quiet, int cells, int before) {
    this.invocation = invocation;
    this.quiet = quiet;
    this.cells = cells;
    this.done = new AtomicInteger(before);
    this.thread = new Thread(this::show, "progress");
    thread.setDaemon(true);
    if (!quiet) {
      thread.start();
    }
  }

  /** A cell has its result. */
  void ended(SweepCell cell, CellResult result) {
    done.incrementAndGet();
    if (result.exitCode() != 0) {
      failed.incrementAndGet();
      if (!quiet) {
        erase();
        invocation
            .err()
            .println(
                "quire: cell %s %s failed with exit code %d: %s"
                    .formatted(cell.id(), cell.axes(), result.exitCode(), result.error()));
      }
    }
  }

  private void erase() {
    if (invocation.errIsTerminal()) {
      invocation.err().print("\r" + " ".repeat(BAR_COLUMNS) + "\r");
    }
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
      // The sweep is over.
    }
  }

  private void showBar() throws InterruptedException {
    PrintStream err = invocation.err();
    DelegatingProgressBarConsumer consumer =
        new DelegatingProgressBarConsumer(text -> err.print("\r" + text), BAR_COLUMNS);
    try (ProgressBar bar =
        new ProgressBarBuilder()
            .setTaskName("sweep")
            .setInitialMax(cells)
            .setUnit(" cells", 1)
            .setStyle(ProgressBarStyle.ASCII)
            .setUpdateIntervalMillis((int) BAR_EVERY_MILLIS)
            .setConsumer(consumer)
            .build()) {
      while (true) {
        bar.stepTo(done.get());
        bar.setExtraMessage(failed.get() == 0 ? "" : " " + failed.get() + " failed");
        Thread.sleep(BAR_EVERY_MILLIS);
      }
    } finally {
      erase();
    }
  }

  private void showLines() throws InterruptedException {
    while (true) {
      invocation
          .err()
          .printf(
              Locale.ROOT,
              "quire: %,d of %,d cells, %,d failed%n",
              done.get(),
              cells,
              failed.get());
      Thread.sleep(LINE_EVERY_MILLIS);
    }
  }

  @Override
  public void close() {
    thread.interrupt();
    try {
      thread.join();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }
}
