package dev.quire.lab.sweep;

import dev.quire.emulator.json.BadJsonException;
import dev.quire.emulator.json.JsonValues;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.TimeUnit;

/** The process of one cell: its lines, its exit code, the last thing it said when it failed. */
final class CellProcess {
  /** The exit code of a run that was interrupted. */
  private static final int INTERRUPTED = 130;

  /** Exit codes of a process that was asked to end: by its terminal, Ctrl-C, a job's scheduler. */
  private static final Set<Integer> ASKED_TO_END = Set.of(128 + 1, INTERRUPTED, 128 + 15);

  private static final int TIMED_OUT = 124;
  private static final int FAILED = 1;
  private static final int MOST_BYTES = 256 << 20;
  private static final int MOST_ERROR = 400;
  private static final int WORDS_KEPT = 8192;

  private final SweepCell cell;
  private final Process process;
  private final long startNanos = System.nanoTime();
  private volatile String words = "";
  private volatile boolean timedOut;

  private CellProcess(SweepCell cell, Process process) {
    this.cell = cell;
    this.process = process;
  }

  static CellProcess start(List<String> quire, SweepCell cell) throws IOException {
    List<String> command = new ArrayList<>(quire);
    command.add(cell.command().getFirst());
    command.addAll(List.of("--json=-", "--quiet"));
    command.addAll(cell.command().subList(1, cell.command().size()));
    Process process = new ProcessBuilder(command).start();
    process.getOutputStream().close();
    return new CellProcess(cell, process);
  }

  /**
   * Whether an exit code says that it was asked to end, so that it tells nothing about the cell.
   */
  static boolean askedToEnd(int exitCode) {
    return ASKED_TO_END.contains(exitCode);
  }

  void kill() {
    process.destroyForcibly();
  }

  /** Waits for its end. */
  CellResult result(int timeoutSeconds) throws IOException {
    Thread listener = Thread.ofVirtual().start(this::listen);
    if (timeoutSeconds > 0) {
      Thread.ofVirtual().start(() -> limit(timeoutSeconds));
    }
    byte[] output;
    int exitCode;
    try (InputStream stdout = process.getInputStream()) {
      output = stdout.readNBytes(MOST_BYTES + 1);
      if (output.length > MOST_BYTES) {
        kill();
      }
      exitCode = process.waitFor();
      listener.join();
    } catch (InterruptedException e) {
      kill();
      Thread.currentThread().interrupt();
      exitCode = INTERRUPTED;
      output = new byte[0];
    }
    return result(output, exitCode);
  }

  private CellResult result(byte[] output, int exitCode) {
    long nanos = System.nanoTime() - startNanos;
    if (timedOut) {
      return CellResult.of(cell, TIMED_OUT, List.of(), "timeout-seconds ran out", nanos);
    }
    if (output.length > MOST_BYTES) {
      return CellResult.of(cell, FAILED, List.of(), "more output than 256 MiB", nanos);
    }
    List<Map<String, Object>> lines = new ArrayList<>();
    String problem = exitCode == 0 ? null : lastWords();
    for (String line : new String(output, StandardCharsets.UTF_8).split("\n")) {
      if (!line.isBlank()) {
        try {
          lines.add(JsonValues.object(line));
        } catch (BadJsonException e) {
          problem = "a line of its results is " + e.getMessage();
        }
      }
    }
    int code = exitCode == 0 && problem != null ? FAILED : exitCode;
    return CellResult.of(cell, code, lines, problem, nanos);
  }

  /** The last line of standard error. */
  private String lastWords() {
    String last = words.strip();
    last = last.substring(last.lastIndexOf('\n') + 1).strip();
    return last.length() > MOST_ERROR ? last.substring(0, MOST_ERROR) : last;
  }

  private void listen() {
    StringBuilder tail = new StringBuilder();
    byte[] piece = new byte[WORDS_KEPT];
    try (InputStream stderr = process.getErrorStream()) {
      for (int count; (count = stderr.read(piece)) > 0; ) {
        tail.append(new String(piece, 0, count, StandardCharsets.UTF_8));
        tail.delete(0, Math.max(0, tail.length() - WORDS_KEPT));
        words = tail.toString();
      }
    } catch (IOException ignored) {
      // It was killed: nothing more to hear.
    }
  }

  private void limit(int seconds) {
    try {
      if (!process.waitFor(seconds, TimeUnit.SECONDS)) {
        timedOut = true;
        kill();
      }
    } catch (InterruptedException ignored) {
      // Nobody waits any more.
    }
  }
}
