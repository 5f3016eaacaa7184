package dev.quire.lab.cli;

import dev.quire.emulator.device.ConsoleSink;
import dev.quire.lab.report.JsonLines;
import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;

/**
 * The guest's console: bytes go to standard output as they come, and line by line into the JSON
 * lines. Written by the machine's thread; {@link #silentMillis} and {@link #between} are for the
 * progress thread.
 */
public final class ConsoleOutput implements ConsoleSink {
  private static final int LONGEST_LINE = 16 * 1024;

  private final PrintStream out;
  private final boolean flushEachByte;
  private final JsonLines json;
  private final ByteArrayOutputStream line = new ByteArrayOutputStream(256);
  private byte last = '\n';
  private volatile long lastWriteNanos = System.nanoTime();
  private Runnable beforeOutput;

  /**
   * @param out null if the console is not shown
   * @param interactive whether a person reads {@code out}
   * @param json null if there are no JSON lines
   */
  ConsoleOutput(PrintStream out, boolean interactive, JsonLines json) {
    this.out = out;
    this.flushEachByte = interactive;
    this.json = json;
  }

  /** One byte from the guest's serial port. */
  @Override
  public synchronized void write(byte value) {
    if (beforeOutput != null) {
      beforeOutput.run();
      beforeOutput = null;
    }
    lastWriteNanos = System.nanoTime();
    if (out != null) {
      out.write(value);
      if (flushEachByte || value == '\n') {
        out.flush();
      }
    }
    last = value;
    if (json != null) {
      line.write(value);
      if (value == '\n' || line.size() >= LONGEST_LINE) {
        flushJson();
      }
    }
  }

  /** Ends the output: an unfinished line is finished on the terminal and reported as it is. */
  public synchronized void finish() {
    if (beforeOutput != null) {
      beforeOutput.run();
      beforeOutput = null;
    }
    if (json != null && line.size() > 0) {
      flushJson();
    }
    if (out != null) {
      if (last != '\n') {
        out.write('\n');
      }
      out.flush();
    }
  }

  /** How long the guest has printed nothing. */
  long silentMillis() {
    return (System.nanoTime() - lastWriteNanos) / 1_000_000;
  }

  /**
   * Shows something transient between two lines of the guest; {@code erase} runs before the guest's
   * next byte.
   *
   * @return false, and nothing shown, while a guest's line is unfinished
   */
  synchronized boolean between(Runnable show, Runnable erase) {
    if (last != '\n') {
      return false;
    }
    show.run();
    beforeOutput = erase;
    return true;
  }

  private void flushJson() {
    json.console(line.toString(StandardCharsets.UTF_8));
    line.reset();
  }
}
