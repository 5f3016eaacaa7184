package dev.quire.lab.cli;

import java.util.Locale;
import java.util.function.LongSupplier;

/** How far a guest is, told while it is silent. */
final class GuestProgress implements ProgressDisplay.Source, ProgressDisplay.Screen, AutoCloseable {
  private static final ProgressDisplay.Unit MILLION_INSTRUCTIONS =
      new ProgressDisplay.Unit(" Minsn", 1_000_000);

  private final ConsoleOutput console;
  private final String guest;
  private final LongSupplier instructionsSoFar;
  private final long maxInstructions;
  private final ProgressDisplay display;

  /**
   * Shows itself until it is closed.
   *
   * @param instructionsSoFar asked from another thread
   * @param maxInstructions where the guest ends at the latest; -1 if nobody knows
   */
  GuestProgress(
      Invocation invocation,
      ConsoleOutput console,
      String guest,
      LongSupplier instructionsSoFar,
      long maxInstructions) {
    this.console = console;
    this.guest = guest;
    this.instructionsSoFar = instructionsSoFar;
    this.maxInstructions = maxInstructions;
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
    return maxInstructions;
  }

  @Override
  public long done() {
    return instructionsSoFar.getAsLong();
  }

  @Override
  public String extra() {
    return "";
  }

  @Override
  public String line(long seconds) {
    return String.format(Locale.ROOT, "%s runs, %d s, %,d instructions", guest, seconds, done());
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
