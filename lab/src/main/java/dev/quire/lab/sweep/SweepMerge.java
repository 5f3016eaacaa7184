package dev.quire.lab.sweep;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * Results of shards as one file's.
 *
 * @param text of the merged file
 * @param ids of the cells in it
 * @param missing how many of the grid's cells no file has
 * @param failures how many ended with an exit code other than 0
 */
public record SweepMerge(String text, Set<String> ids, long missing, int failures) {
  /** Copies the ids. */
  public SweepMerge {
    ids = Set.copyOf(ids);
  }

  /** How many cells the merged file has. */
  public int cells() {
    return ids.size();
  }

  /**
   * Refuses to overwrite what the merged file would not have: a shard that was left out of the
   * inputs by taking the output's place, or a file that is no results.
   *
   * @throws BadSweepException if something would be lost
   * @throws IOException if the file is there and cannot be read
   */
  public void requireNothingLost(Path out) throws IOException {
    if (!Files.isRegularFile(out)) {
      return;
    }
    String hint = "; the first file is the output: name one that is not there yet";
    ResultsText old;
    try {
      old = ResultsText.read(out.toString(), Files.readAllBytes(out));
    } catch (BadSweepException e) {
      throw new BadSweepException(e.getMessage() + hint, e);
    }
    long lost = old.cells().keySet().stream().filter(id -> !ids.contains(id)).count();
    if (lost != 0) {
      throw new BadSweepException(out + ": has " + lost + " cells that no input has" + hint);
    }
  }

  /**
   * Merges.
   *
   * @throws BadSweepException if files do not belong together
   * @throws IOException if one cannot be read
   */
  public static SweepMerge of(List<Path> files) throws IOException {
    Map<String, Object> manifest = null;
    Path first = null;
    Set<String> hosts = new LinkedHashSet<>();
    Map<String, CellResult> cells = new LinkedHashMap<>();
    for (Path file : files) {
      ResultsText shard = ResultsText.read(file.toString(), Files.readAllBytes(file));
      if (shard.manifest() == null) {
        throw new BadSweepException(file + ": is empty, results of a sweep were expected");
      }
      if (manifest == null) {
        manifest = new LinkedHashMap<>(shard.manifest());
        first = file;
      } else {
        requireSame(first, manifest, file, shard.manifest());
      }
      hosts.add(String.valueOf(shard.manifest().get("host")));
      for (CellResult cell : shard.cells().values()) {
        CellResult other = cells.putIfAbsent(cell.id(), cell);
        if (other != null && !other.comparable().equals(cell.comparable())) {
          throw new BadSweepException(
              file + ": cell " + cell.id() + " differs from the one in an earlier file");
        }
      }
    }
    manifest.put("host", String.join("; ", hosts));
    int failures = (int) cells.values().stream().filter(cell -> cell.exitCode() != 0).count();
    return new SweepMerge(
        SweepResults.text(manifest, cells.values()),
        cells.keySet(),
        gridSize(manifest) - cells.size(),
        failures);
  }

  private static void requireSame(
      Path first, Map<String, Object> manifest, Path file, Map<String, Object> other) {
    try {
      SweepResults.requireSame(file, other, manifest);
    } catch (BadSweepException e) {
      throw new BadSweepException(file + " and " + first + " are not of the same sweep", e);
    }
  }

  private static long gridSize(Map<String, Object> manifest) {
    long size = 1;
    if (manifest.get("config") instanceof Map<?, ?> config
        && config.get("axes") instanceof Map<?, ?> axes) {
      for (Object values : axes.values()) {
        size *= values instanceof List<?> list ? list.size() : 1;
      }
    }
    return size;
  }
}
