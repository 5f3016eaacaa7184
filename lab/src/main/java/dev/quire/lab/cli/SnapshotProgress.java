package dev.quire.lab.cli;

import java.util.Locale;

/** How far the runs of a snapshot are, told while the guest is silent. */
final class SnapshotProgress
    implements ProgressDisplay.Source, ProgressDisplay.Screen, AutoCloseable {
  private static final ProgressDisplay.Unit MILLION_INSTRUCTIONS =
      new ProgressDisplay.Unit(" Minsn", 1_000_000);

  private final ConsoleOutput console;
  private final SnapshotMaker maker;
  private final String guest;
  private final ProgressDisplay display;

  SnapshotProgress(
      Invocation invocation, ConsoleOutput console, SnapshotMaker maker, String guest) {
    this.console = console;
    this.maker = maker;
    this.guest = guest;
    display = ProgressDisplay.on(this, invocation, this);
  }

  @Override
  public String task() {
    return guest;
  }

  @Override
  public ProgressDisplay.Unit unit() {
    return MILLION_INSTRUCTIONS;
  }

  @Override
  public long total() {
    return -1;
  }

  @Override
  public long done() {
    return maker.instructionsSoFar();
  }

  @Override
  public String extra() {
    return "";
  }

  @Override
  public String line(long seconds) {
    return String.format(
        Locale.ROOT, "%s runs, %d s, %,d instructions", guest, seconds, maker.instructionsSoFar());
  }

  @Override
  public void draw(Runnable bar, Runnable erase) {
    if (console.silentMillis() >= ProgressDisplay.PATIENCE_MILLIS) {
      console.between(bar, erase);
    }
  }

  /** The console takes the bar away before it prints again or finishes. */
  @Override
  public void end(Runnable erase) {}

  @Override
  public void close() {
    display.close();
  }
}
