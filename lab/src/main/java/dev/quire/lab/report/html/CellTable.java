package dev.quire.lab.report.html;

import dev.quire.lab.report.html.BasisTable.Column;
import java.util.ArrayList;
import java.util.List;
import java.util.TreeSet;
import java.util.function.Function;

/** The table of all rows, every column with its basis. */
final class CellTable {
  private static final String COUNTED = "counted";
  private static final String MODELLED = "modelled";

  private CellTable() {}

  static void write(HtmlText html, List<TlbRow> rows) {
    html.raw("<section><h2>Every cell</h2>\n");
    new BasisTable<>(columns(rows), TlbRow::hypothetical).write(html, rows);
    html.raw("\n");
    if (rows.stream().anyMatch(TlbRow::hypothetical)) {
      html.raw(
          "<p class=\"note what-if\">* what-if: hypothetical. The second stage carries the"
              + " contiguous bit, which Linux's KVM does not build.</p>\n");
    }
    html.raw("</section>\n");
  }

  private static List<Column<TlbRow>> columns(List<TlbRow> rows) {
    List<Column<TlbRow>> columns = new ArrayList<>();
    for (String axis : new TlbAxes(rows).columns()) {
      boolean marked = axis.equals(TlbRow.HOST_PAGES);
      columns.add(
          new Column<>(
              TlbAxes.label(axis),
              BasisTable.AXIS,
              axis.equals(TlbRow.FOOTPRINT),
              row -> row.axis(axis) + (marked && row.hypothetical() ? " *\nwhat-if" : "")));
    }
    TreeSet<String> models = new TreeSet<>();
    rows.forEach(row -> models.add(row.costModel() == null ? "unnamed" : row.costModel()));
    String cycles = models.size() == 1 ? MODELLED + ": " + models.first() : MODELLED;
    columns.add(number("accesses", COUNTED, row -> Figure.count(row.figures().get("accesses"))));
    columns.add(number("L1 misses / 1000 instr.", COUNTED, row -> rate(row, "l1_mpki")));
    columns.add(number("L2 misses / 1000 instr.", COUNTED, row -> rate(row, "l2_mpki")));
    columns.add(number("L1 misses / M accesses", COUNTED, row -> rate(row, "l1_mpma")));
    columns.add(number("L2 misses / M accesses", COUNTED, row -> rate(row, "l2_mpma")));
    columns.add(number("walks", COUNTED, row -> Figure.count(row.figures().get("walks"))));
    columns.add(number("references / walk", COUNTED, row -> rate(row, "refs_per_walk")));
    columns.add(
        number("walk cycles", cycles, row -> Figure.count(row.figures().get("walk_cycles"))));
    if (models.size() > 1) {
      columns.add(
          new Column<>(
              "cost model", "name", false, row -> row.costModel() == null ? "–" : row.costModel()));
    }
    columns.add(number("reach", COUNTED, row -> Figure.bytes(row.figures().get("reach_bytes"))));
    columns.add(new Column<>("entries by size", COUNTED, false, row -> row.entries("by_order")));
    return columns;
  }

  private static Column<TlbRow> number(
      String heading, String basis, Function<TlbRow, String> cell) {
    return new Column<>(heading, basis, true, cell);
  }

  private static String rate(TlbRow row, String name) {
    return Figure.rate(row.figures().get(name));
  }
}
