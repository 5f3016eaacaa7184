package dev.quire.lab.cli;

import dev.quire.lab.sweep.CellResult;
import dev.quire.lab.sweep.SweepCell;
import java.util.Locale;
import java.util.concurrent.atomic.AtomicInteger;

/** How far a sweep is, and a line for each cell that fails. Any thread tells it. */
final class SweepProgress implements ProgressDisplay.Source, AutoCloseable {
  private static final ProgressDisplay.Unit CELLS = new ProgressDisplay.Unit(" cells", 1);

  private final Invocation invocation;
  private final boolean quiet;
  private final int cells;
  private final AtomicInteger done;
  private final AtomicInteger failed = new AtomicInteger();
  private final ProgressDisplay display;

  SweepProgress(Invocation invocation, boolean quiet, int cells, int before) {
    this.invocation = invocation;
    this.quiet = quiet;
    this.cells = cells;
    this.done = new AtomicInteger(before);
    display = ProgressDisplay.of(invocation, this, quiet);
  }

  /** A cell has its result. */
  void ended(SweepCell cell, CellResult result) {
    done.incrementAndGet();
    if (result.exitCode() != 0) {
      failed.incrementAndGet();
      if (!quiet) {
        display.erase();
        invocation
            .err()
            .println(
                "quire: cell %s %s failed with exit code %d: %s"
                    .formatted(cell.id(), cell.axes(), result.exitCode(), result.error()));
      }
    }
  }

  @Override
  public String task() {
    return "sweep";
  }

  @Override
  public ProgressDisplay.Unit unit() {
    return CELLS;
  }

  @Override
  public long total() {
    return cells;
  }

  @Override
  public long done() {
    return done.get();
  }

  @Override
  public String extra() {
    return failed.get() == 0 ? "" : " " + failed.get() + " failed";
  }

  @Override
  public String line(long seconds) {
    return String.format(
        Locale.ROOT, "%,d of %,d cells, %,d failed", done.get(), cells, failed.get());
  }

  @Override
  public void close() {
    display.close();
  }
}
