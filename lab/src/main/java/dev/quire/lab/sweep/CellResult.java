package dev.quire.lab.sweep;

import dev.quire.emulator.json.JsonValues;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * What one cell came to, as it stands in a results file: its lines, then a line of kind {@code
 * cell} that ends them.
 *
 * @param index of the cell
 * @param id of the cell
 * @param exitCode of its process
 * @param text all lines, each with its end
 */
public record CellResult(int index, String id, int exitCode, String text) {
  private static final String CELL = "cell";

  /**
   * Puts together the result of a run.
   *
   * @param lines of the run, parsed; its manifest is left out, since the file has one
   * @param error in a line if it failed, else null
   */
  static CellResult of(
      SweepCell cell, int exitCode, List<Map<String, Object>> lines, String error, long wallNanos) {
    StringBuilder text = new StringBuilder();
    int count = 0;
    for (Map<String, Object> line : lines) {
      if (!"manifest".equals(line.get("kind"))) {
        text.append(JsonValues.text(marked(line, cell))).append('\n');
        count++;
      }
    }
    Map<String, Object> end = new LinkedHashMap<>();
    end.put("kind", CELL);
    end.put("id", cell.id());
    end.put("index", (long) cell.index());
    end.put("axes", cell.axes());
    end.put("exit_code", (long) exitCode);
    if (error != null) {
      end.put("error", error);
    }
    end.put("lines", (long) count);
    end.put("wall_ns", wallNanos);
    text.append(JsonValues.text(end)).append('\n');
    return new CellResult(cell.index(), cell.id(), exitCode, text.toString());
  }

  /** The line with its cell's id, and with the sweep's axes beside those that it has itself. */
  private static Map<String, Object> marked(Map<String, Object> line, SweepCell cell) {
    Map<String, Object> marked = new LinkedHashMap<>(line);
    if (line.get("axes") instanceof Map<?, ?> own) {
      Map<String, Object> axes = new LinkedHashMap<>();
      own.forEach((name, value) -> axes.put((String) name, value));
      cell.axes().forEach(axes::putIfAbsent);
      marked.put("axes", axes);
    }
    marked.put(CELL, cell.id());
    return marked;
  }

  /** Whether a line ends a cell's result. */
  static boolean ends(Map<String, Object> line) {
    return CELL.equals(line.get("kind"));
  }

  /**
   * A result as read.
   *
   * @param lines before its end, parsed
   * @param end the line that ends it
   * @throws BadSweepException if they do not belong together
   */
  static CellResult read(List<Map<String, Object>> lines, Map<String, Object> end, String text) {
    if (!(end.get("id") instanceof String id)
        || !(end.get("index") instanceof Long index)
        || !(end.get("exit_code") instanceof Long exitCode)
        || !(end.get("lines") instanceof Long count)) {
      throw new BadSweepException("a cell without id, index, exit_code or lines");
    }
    if (count != lines.size() || lines.stream().anyMatch(line -> !id.equals(line.get(CELL)))) {
      throw new BadSweepException("cell " + id + " lacks lines or has others' lines");
    }
    return new CellResult(index.intValue(), id, exitCode.intValue(), text);
  }

  /** Why it failed, in a line; empty if it did not, or did not say. */
  public String error() {
    String end = text.strip().substring(text.strip().lastIndexOf('\n') + 1);
    return JsonValues.object(end).get("error") instanceof String error ? error : "";
  }

  /** What must be equal in two runs of the cell: all but wall-clock time. */
  List<Object> comparable() {
    List<Object> values = new ArrayList<>();
    text.lines().forEach(line -> values.add(withoutWallClock(JsonValues.object(line))));
    return values;
  }

  private static Object withoutWallClock(Object value) {
    if (!(value instanceof Map<?, ?> map)) {
      return value;
    }
    Map<Object, Object> kept = new LinkedHashMap<>();
    map.forEach(
        (name, member) -> {
          if (!"engine".equals(name) && !name.toString().endsWith("wall_ns")) {
            kept.put(name, withoutWallClock(member));
          }
        });
    return kept;
  }
}
