package dev.quire.lab.cli;

import dev.quire.lab.tlb.TlbCell;
import java.io.PrintStream;
import java.util.Locale;
import me.tongfei.progressbar.DelegatingProgressBarConsumer;
import me.tongfei.progressbar.ProgressBar;
import me.tongfei.progressbar.ProgressBarBuilder;
import me.tongfei.progressbar.ProgressBarStyle;

/**
 * Tells a person which cell of a long cross product runs: a bar on a terminal, a line now and then
 * elsewhere, nothing for short runs. Its own daemon thread prints; one other thread tells it.
 */
final class CellProgress implements AutoCloseable {
  private static final long PATIENCE_MILLIS = 2_000;
  private static final long LINE_EVERY_MILLIS = 10_000;
  private static final long BAR_EVERY_MILLIS = 250;
  private static final int BAR_COLUMNS = 78;

  private final Invocation invocation;
  private final int cells;
  private final Thread thread;
  private volatile TlbCell cell;
  private volatile int number;
  private volatile long accesses;

  CellProgress(Invocation invocation, boolean quiet, int cells) {
    this.invocation = invocation;
    this.cells = cells;
    this.thread = new Thread(this::show, "progress");
    thread.setDaemon(true);
    if (!quiet) {
      thread.start();
    }
  }

  /** The next cell begins. */
  void start(TlbCell newCell) {
    cell = newCell;
    accesses = 0;
    number = number + 1;
  }

  /** Accesses done in this cell. */
  void accesses(long done) {
    accesses = done;
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
      // All cells are done.
    }
  }

  private void showBar() throws InterruptedException {
    PrintStream err = invocation.err();
    DelegatingProgressBarConsumer consumer =
        new DelegatingProgressBarConsumer(text -> err.print("\r" + text), BAR_COLUMNS);
    try (ProgressBar bar =
        new ProgressBarBuilder()
            .setTaskName("tlb")
            .setInitialMax(cells)
            .setStyle(ProgressBarStyle.ASCII)
            .setUpdateIntervalMillis((int) BAR_EVERY_MILLIS)
            .setConsumer(consumer)
            .build()) {
      while (true) {
        bar.stepTo(Math.max(0, number - 1));
        bar.setExtraMessage(String.format(Locale.ROOT, " %,d M accesses", accesses / 1_000_000));
        Thread.sleep(BAR_EVERY_MILLIS);
      }
    } finally {
      err.print("\r" + " ".repeat(BAR_COLUMNS) + "\r");
    }
  }

  private void showLines() throws InterruptedException {
    while (true) {
      invocation
          .err()
          .printf(
              Locale.ROOT,
              "quire: cell %d of %d, %s, %,d accesses%n",
              number,
              cells,
              cell,
              accesses);
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
