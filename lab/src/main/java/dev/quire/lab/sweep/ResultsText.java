package dev.quire.lab.sweep;

import dev.quire.emulator.json.BadJsonException;
import dev.quire.emulator.json.JsonValues;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * A results file taken apart: a manifest, then results of cells. What a kill left half-written at
 * the end is no part of it.
 */
final class ResultsText {
  private static final int SHOWN = 60;
  private static final String BEGINNING = "{\"kind\":\"manifest\",";

  private final Map<String, Object> manifest;
  private final Map<String, CellResult> cells = new LinkedHashMap<>();
  private long completeBytes;

  private ResultsText(Map<String, Object> manifest) {
    this.manifest = manifest;
  }

  /** Members of the manifest line; null if not even that was whole. */
  Map<String, Object> manifest() {
    return manifest;
  }

  /** Results by id, in the order of the file. */
  Map<String, CellResult> cells() {
    return cells;
  }

  /** How far the file is whole: what stands behind is the rest of a cell that was cut off. */
  long completeBytes() {
    return completeBytes;
  }

  /**
   * Reads a file's content.
   *
   * @param file for messages
   * @throws BadSweepException naming the line, if it is something else than a results file
   */
  static ResultsText read(String file, byte[] content) {
    ResultsText results = null;
    List<Map<String, Object>> lines = new ArrayList<>();
    int start = 0;
    int resultStart = 0;
    int number = 0;
    int unreadable = 0;
    BadJsonException reason = null;
    for (int end = lineEnd(content, 0); end >= 0; end = lineEnd(content, start)) {
      number++;
      Map<String, Object> line;
      try {
        line = JsonValues.object(text(content, start, end));
      } catch (BadJsonException e) {
        line = null;
        if (unreadable == 0) {
          unreadable = number;
          reason = e;
        }
      }
      start = end + 1;
      if (results == null) {
        results = first(file, line, text(content, 0, Math.min(end, SHOWN)));
        results.completeBytes = start;
        resultStart = start;
      } else if (line != null && CellResult.ends(line)) {
        if (unreadable != 0) {
          // Whole cells behind it: no kill did that.
          throw bad(file, unreadable, reason.getMessage());
        }
        results.add(file, number, lines, line, text(content, resultStart, start));
        results.completeBytes = start;
        resultStart = start;
        lines = new ArrayList<>();
      } else if (line != null) {
        lines.add(line);
      }
    }
    return results == null ? begun(file, content) : results;
  }

  /** No line is whole: nothing yet, or a manifest that was cut off, and never a file of others. */
  private static ResultsText begun(String file, byte[] content) {
    String text = text(content, 0, Math.min(content.length, BEGINNING.length()));
    if (!BEGINNING.startsWith(text)) {
      throw bad(file, 1, "no results of a sweep: a manifest was expected, not '" + text + "'");
    }
    return new ResultsText(null);
  }

  private static int lineEnd(byte[] content, int from) {
    for (int i = from; i < content.length; i++) {
      if (content[i] == '\n') {
        return i;
      }
    }
    return -1;
  }

  private static String text(byte[] content, int start, int end) {
    return new String(content, start, end - start, StandardCharsets.UTF_8);
  }

  private static ResultsText first(String file, Map<String, Object> line, String shown) {
    if (line == null || !"manifest".equals(line.get("kind"))) {
      throw bad(file, 1, "no results of a sweep: a manifest was expected, not '" + shown + "'");
    }
    Map<String, Object> members = new LinkedHashMap<>(line);
    members.remove("kind");
    return new ResultsText(members);
  }

  private void add(
      String file,
      int number,
      List<Map<String, Object>> lines,
      Map<String, Object> end,
      String text) {
    CellResult cell;
    try {
      cell = CellResult.read(lines, end, text);
    } catch (BadSweepException e) {
      throw new BadSweepException("%s, line %d: %s".formatted(file, number, e.getMessage()), e);
    }
    if (cells.put(cell.id(), cell) != null) {
      throw bad(file, number, "cell " + cell.id() + " is here twice");
    }
  }

  private static BadSweepException bad(String file, int line, String what) {
    return new BadSweepException("%s, line %d: %s".formatted(file, line, what));
  }
}
