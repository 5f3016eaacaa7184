package dev.quire.lab.cli;

import java.io.PrintStream;
import me.tongfei.progressbar.DelegatingProgressBarConsumer;
import me.tongfei.progressbar.ProgressBar;
import me.tongfei.progressbar.ProgressBarBuilder;
import me.tongfei.progressbar.ProgressBarStyle;

/**
 * Tells a person that a long run goes on: a bar on a terminal, a line now and then elsewhere,
 * nothing at all for short runs. Its own daemon thread asks a {@link Source} and prints.
 */
final class ProgressDisplay implements AutoCloseable {
  /** How long nothing is shown, after the start and after the run's own output. */
  static final long PATIENCE_MILLIS = 2_000;

  private static final long LINE_EVERY_MILLIS = 10_000;
  private static final long BAR_EVERY_MILLIS = 250;
  private static final int BAR_COLUMNS = 78;

  private final Invocation invocation;
  private final Source source;
  private final Screen screen;
  private final Thread thread;

  /** What is known of the run; called by the display's thread. */
  interface Source {
    /** The bar's name. */
    String task();

    /** What {@link #done} is counted in. */
    Unit unit();

    /** When the bar is full; -1 if nobody knows. */
    long total();

    long done();

    /** What stands behind the bar. */
    String extra();

    /**
     * The line that stands for the bar where there is no terminal.
     *
     * @param seconds since the start
     */
    String line(long seconds);
  }

  /** A unit of the bar: its name, and how many of what is counted make one. */
  record Unit(String name, long size) {
    static final Unit NONE = new Unit("", 1);
  }

  /** Where the bar is drawn. */
  interface Screen {
    /**
     * Draws the bar, or does not for now.
     *
     * @param erase takes it away again
     */
    void draw(Runnable bar, Runnable erase);

    /** The last of it is over. */
    void end(Runnable erase);
  }

  /** A screen that is the bar's alone. */
  private enum OwnScreen implements Screen {
    INSTANCE;

    @Override
    public void draw(Runnable bar, Runnable erase) {
      bar.run();
    }

    @Override
    public void end(Runnable erase) {
      erase.run();
    }
  }

  private ProgressDisplay(Invocation invocation, Source source, Screen screen) {
    this.invocation = invocation;
    this.source = source;
    this.screen = screen;
    thread = new Thread(this::show, "progress");
    thread.setDaemon(true);
  }

  /** Starts to show a run whose bar has the terminal for itself; shows nothing if quiet. */
  static ProgressDisplay of(Invocation invocation, Source source, boolean quiet) {
    ProgressDisplay display = new ProgressDisplay(invocation, source, OwnScreen.INSTANCE);
    if (!quiet) {
      display.thread.start();
    }
    return display;
  }

  /** Starts to show a run that prints to the same terminal. */
  static ProgressDisplay on(Screen screen, Invocation invocation, Source source) {
    ProgressDisplay display = new ProgressDisplay(invocation, source, screen);
    display.thread.start();
    return display;
  }

  /** Takes the bar away, if there may be one, to print something else. */
  void erase() {
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
      // The run is over.
    }
  }

  private void showBar() throws InterruptedException {
    PrintStream err = invocation.err();
    DelegatingProgressBarConsumer consumer =
        new DelegatingProgressBarConsumer(
            text -> screen.draw(() -> err.print("\r" + text), this::erase), BAR_COLUMNS);
    try (ProgressBar bar =
        new ProgressBarBuilder()
            .setTaskName(source.task())
            .setInitialMax(source.total())
            .setUnit(source.unit().name(), source.unit().size())
            .setStyle(ProgressBarStyle.ASCII)
            .setUpdateIntervalMillis((int) BAR_EVERY_MILLIS)
            .setConsumer(consumer)
            .build()) {
      while (true) {
        bar.stepTo(Math.max(0, source.done()));
        bar.setExtraMessage(source.extra());
        Thread.sleep(BAR_EVERY_MILLIS);
      }
    } finally {
      screen.end(this::erase);
    }
  }

  private void showLines() throws InterruptedException {
    long seconds = PATIENCE_MILLIS / 1000;
    while (true) {
      invocation.err().println("quire: " + source.line(seconds));
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
