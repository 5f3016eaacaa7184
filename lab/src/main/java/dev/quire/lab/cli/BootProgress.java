package dev.quire.lab.cli;

import dev.quire.lab.cli.GuestRunner.GuestRun;
import java.util.Locale;

/** How far a guest is, told while it is silent. */
final class BootProgress implements ProgressDisplay.Source, ProgressDisplay.Screen, AutoCloseable {
  private static final ProgressDisplay.Unit MILLION_INSTRUCTIONS =
      new ProgressDisplay.Unit(" Minsn", 1_000_000);

  private final ConsoleOutput console;
  private final GuestRun run;
  private final String guest;
  private final long maxInstructions;
  private final ProgressDisplay display;

  BootProgress(
      Invocation invocation,
      ConsoleOutput console,
      GuestRun run,
      String guest,
      long maxInstructions) {
    this.console = console;
    this.run = run;
    this.guest = guest;
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
    return run.instructionsSoFar();
  }

  @Override
  public String extra() {
    return "";
  }

  @Override
  public String line(long seconds) {
    return String.format(
        Locale.ROOT, "%s runs, %d s, %,d instructions", guest, seconds, run.instructionsSoFar());
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
