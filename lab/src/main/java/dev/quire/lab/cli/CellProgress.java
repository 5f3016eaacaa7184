package dev.quire.lab.cli;

import dev.quire.lab.tlb.TlbCell;
import java.util.Locale;

/** Which cell of a long cross product runs. The display's thread asks, one other thread tells. */
final class CellProgress implements ProgressDisplay.Source, AutoCloseable {
  private final int cells;
  private final ProgressDisplay display;
  private volatile TlbCell cell;
  private volatile int number;
  private volatile long accesses;

  CellProgress(Invocation invocation, boolean quiet, int cells) {
    this.cells = cells;
    display = ProgressDisplay.of(invocation, this, quiet);
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

  @Override
  public String task() {
    return "tlb";
  }

  @Override
  public ProgressDisplay.Unit unit() {
    return ProgressDisplay.Unit.NONE;
  }

  @Override
  public long total() {
    return cells;
  }

  @Override
  public long done() {
    return number - 1L;
  }

  @Override
  public String extra() {
    return String.format(Locale.ROOT, " %,d M accesses", accesses / 1_000_000);
  }

  @Override
  public String line(long seconds) {
    return String.format(
        Locale.ROOT, "cell %d of %d, %s, %,d accesses", number, cells, cell, accesses);
  }

  @Override
  public void close() {
    display.close();
  }
}
