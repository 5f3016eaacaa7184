package dev.quire.lab.report.html;

import java.util.List;
import java.util.Locale;
import java.util.function.Function;

/** The table of all restores, every column with its basis. */
final class RestoreCells {
  private static final String COUNTED = "counted";

  private RestoreCells() {}

  private record Column(
      String heading, String basis, boolean number, Function<RestoreRow, String> cell) {
    String attributes() {
      return number ? "class=\"n\"" : basis.equals("axis") ? "class=\"axis\"" : "";
    }
  }

  static void write(HtmlText html, List<RestoreRow> rows) {
    List<Column> columns = columns(rows);
    html.raw(
        "<section><h2>Every restore</h2>\n"
            + "<div class=\"scroll\"><table class=\"cells\"><thead><tr>");
    for (Column column : columns) {
      html.element(
          "th", column.number() ? "scope=\"col\" class=\"n\"" : "scope=\"col\"", column.heading());
    }
    html.raw("</tr><tr class=\"basis\">");
    for (Column column : columns) {
      html.element("td", column.attributes(), column.basis());
    }
    html.raw("</tr></thead><tbody>\n");
    for (RestoreRow row : rows) {
      html.raw("<tr>");
      for (Column column : columns) {
        html.element("td", column.attributes(), column.cell().apply(row));
      }
      html.raw("</tr>\n");
    }
    html.raw("</tbody></table></div></section>\n");
  }

  private static List<Column> columns(List<RestoreRow> rows) {
    String modelled = "modelled: " + rows.getFirst().costModel();
    return List.of(
        new Column("strategy", "axis", false, RestoreRow::title),
        new Column("host kernel", "axis", false, row -> text(row.axes().get("host_kernel"))),
        new Column("handler", "axis", false, row -> text(row.axes().get("handler"))),
        new Column("end", "", false, row -> text(row.figure("status"))),
        new Column("memory", "compared", true, RestoreCells::memory),
        count("faults"),
        count("clears"),
        count("copies"),
        new Column("PTEs", COUNTED, true, row -> Figure.count(row.figure("ptes"))),
        new Column(
            "stage-2 faults", COUNTED, true, row -> Figure.count(row.figure("stage2_faults"))),
        count("messages"),
        new Column(
            "snapshot read: faults",
            COUNTED,
            true,
            row -> Figure.count(row.figure("source_faults"))),
        time("restore ms", modelled, "restore"),
        time("faults ms", modelled, "fault"),
        time("handler ms", modelled, "handler"),
        time("population ms", modelled, "population"),
        new Column("restore ms", "wall clock", true, row -> wall(row.figure("restore_wall_ns"))));
  }

  private static Column count(String name) {
    return new Column(name, COUNTED, true, row -> Figure.count(row.figure(name)));
  }

  private static Column time(String heading, String basis, String latency) {
    return new Column(
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
