package dev.quire.lab.report.html;

import dev.quire.lab.report.html.BasisTable.Column;
import java.util.List;
import java.util.Locale;

/** The table of all restores, every column with its basis. */
final class RestoreCells {
  private static final String COUNTED = "counted";

  private RestoreCells() {}

  static void write(HtmlText html, List<RestoreRow> rows) {
    html.raw("<section><h2>Every restore</h2>\n");
    new BasisTable<>(columns(rows), RestoreRow::hypothetical).write(html, rows);
    html.raw("</section>\n");
  }

  private static List<Column<RestoreRow>> columns(List<RestoreRow> rows) {
    String modelled = "modelled: " + rows.getFirst().costModel();
    return List.of(
        new Column<>("strategy", BasisTable.AXIS, false, RestoreRow::title),
        new Column<>(
            "host kernel", BasisTable.AXIS, false, row -> text(row.axes().get("host_kernel"))),
        new Column<>("handler", BasisTable.AXIS, false, row -> text(row.axes().get("handler"))),
        new Column<>("end", "", false, row -> text(row.figure("status"))),
        new Column<>("memory", "compared", true, RestoreCells::memory),
        count("faults"),
        count("clears"),
        count("copies"),
        new Column<>("PTEs", COUNTED, true, row -> Figure.count(row.figure("ptes"))),
        new Column<>(
            "stage-2 faults", COUNTED, true, row -> Figure.count(row.figure("stage2_faults"))),
        count("messages"),
        new Column<>(
            "snapshot read: faults",
            COUNTED,
            true,
            row -> Figure.count(row.figure("source_faults"))),
        time("restore ms", modelled, "restore"),
        time("faults ms", modelled, "fault"),
        time("handler ms", modelled, "handler"),
        time("population ms", modelled, "population"),
        new Column<>("restore ms", "wall clock", true, row -> wall(row.figure("restore_wall_ns"))));
  }

  private static Column<RestoreRow> count(String name) {
    return new Column<>(name, COUNTED, true, row -> Figure.count(row.figure(name)));
  }

  private static Column<RestoreRow> time(String heading, String basis, String latency) {
    return new Column<>(
        heading, basis, true, row -> String.format(Locale.ROOT, "%,.3f", row.millis(latency)));
  }

  private static String wall(Object nanos) {
    return nanos instanceof Number number
        ? String.format(Locale.ROOT, "%,.1f", number.doubleValue() / 1e6)
        : "–";
  }

  private static String text(Object value) {
    return value == null ? "–" : value.toString();
  }

  private static String memory(RestoreRow row) {
    Object matches = row.figure("hash_matches");
    if (matches instanceof Boolean same) {
      return same ? "as expected" : "DIFFERS";
    }
    String hash = text(row.figure("memory_hash"));
    return hash.length() > 8 ? hash.substring(0, 8) : hash;
  }
}
