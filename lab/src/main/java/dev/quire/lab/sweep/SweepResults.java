package dev.quire.lab.sweep;

import dev.quire.emulator.json.JsonValues;
import dev.quire.lab.report.AtomicFile;
import java.io.Closeable;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.channels.OverlappingFileLockException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Collection;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * The results file of a sweep under way. A cell is written by one call and synced before it counts
 * as done; what a kill leaves of a cell is cut off when the file is opened again. One process at a
 * time has it open. Its methods may be called from any thread.
 */
public final class SweepResults implements Closeable {
  private final Path file;
  private final FileChannel channel;
  private final Map<String, Object> manifest;
  private final Map<String, CellResult> cells;

  private SweepResults(
      Path file, FileChannel channel, Map<String, Object> manifest, Map<String, CellResult> cells) {
    this.file = file;
    this.channel = channel;
    this.manifest = manifest;
    this.cells = cells;
  }

  /**
   * Opens a file, new or left by an earlier run of the same sweep.
   *
   * @param manifest of this run; a file of another version, seed or spec is refused
   * @param again whether cells that failed are to be run again
   * @throws BadSweepException if the file is no such file
   * @throws IOException if it cannot be read or written
   */
  public static SweepResults open(Path file, Map<String, Object> manifest, boolean again)
      throws IOException {
    FileChannel channel =
        FileChannel.open(
            file, StandardOpenOption.CREATE, StandardOpenOption.READ, StandardOpenOption.WRITE);
    try {
      lock(file, channel);
      ResultsText text = ResultsText.read(file.toString(), Files.readAllBytes(file));
      if (text.manifest() != null) {
        requireSame(file, text.manifest(), manifest);
      }
      Map<String, Object> kept = text.manifest() == null ? manifest : text.manifest();
      SweepResults results = new SweepResults(file, channel, kept, text.cells());
      results.prepare(text, again);
      return results;
    } catch (IOException | RuntimeException e) {
      channel.close();
      throw e;
    }
  }

  private static void lock(Path file, FileChannel channel) throws IOException {
    FileLock lock;
    try {
      lock = channel.tryLock();
    } catch (OverlappingFileLockException e) {
      lock = null;
    }
    if (lock == null) {
      throw new BadSweepException(
          file + ": another sweep writes to it: wait for it, or choose another --out");
    }
  }

  /** Refuses to mix results that do not belong together. */
  static void requireSame(Path file, Map<String, Object> found, Map<String, Object> wanted) {
    for (String name : List.of("version", "commit", "seed", "config")) {
      // Compared as text: a list read from a file is not of the class of one made here.
      String is = JsonValues.text(found.get(name));
      String was = JsonValues.text(wanted.get(name));
      if (!is.equals(was)) {
        throw new BadSweepException(
            "%s: holds results of another %s%s: choose another --out, or remove the file"
                .formatted(
                    file,
                    name.equals("config") ? "spec" : name,
                    name.equals("config") ? "" : " (" + is + ", this is " + was + ")"));
      }
    }
  }

  private void prepare(ResultsText text, boolean again) throws IOException {
    boolean failed = again && cells.values().removeIf(cell -> cell.exitCode() != 0);
    if (text.manifest() == null || failed) {
      channel.truncate(0);
      channel.position(0);
      write(text(manifest, cells.values()));
    } else {
      channel.truncate(text.completeBytes());
      channel.position(text.completeBytes());
      channel.force(true);
    }
  }

  /** Whether a cell's result is here. */
  public synchronized boolean has(SweepCell cell) {
    return cells.containsKey(cell.id());
  }

  /** Adds a result; when this returns it is on the disk. */
  synchronized void add(CellResult cell) throws IOException {
    write(cell.text());
    cells.put(cell.id(), cell);
  }

  private void write(String text) throws IOException {
    long start = channel.position();
    ByteBuffer bytes = ByteBuffer.wrap(text.getBytes(StandardCharsets.UTF_8));
    try {
      while (bytes.hasRemaining()) {
        channel.write(bytes);
      }
      channel.force(true);
    } catch (IOException e) {
      channel.truncate(start);
      channel.position(start);
      throw e;
    }
  }

  /** How many cells ended with an exit code other than 0. */
  public synchronized int failures() {
    return (int) cells.values().stream().filter(cell -> cell.exitCode() != 0).count();
  }

  /** Brings the cells into the order of the grid, whatever order they ended in. */
  public synchronized void finish() throws IOException {
    AtomicFile.write(file, text().getBytes(StandardCharsets.UTF_8));
  }

  /** The file's content, cells in the order of the grid. */
  public synchronized String text() {
    return text(manifest, cells.values());
  }

  static String text(Map<String, Object> manifest, Collection<CellResult> cells) {
    Map<String, Object> line = new LinkedHashMap<>();
    line.put("kind", "manifest");
    line.putAll(manifest);
    StringBuilder text = new StringBuilder(JsonValues.text(line)).append('\n');
    cells.stream()
        .sorted(Comparator.comparingInt(CellResult::index))
        .forEach(cell -> text.append(cell.text()));
    return text.toString();
  }

  @Override
  public synchronized void close() throws IOException {
    channel.close();
  }
}
