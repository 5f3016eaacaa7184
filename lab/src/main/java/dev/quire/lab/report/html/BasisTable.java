package dev.quire.lab.report.html;

import java.util.List;
import java.util.function.Function;
import java.util.function.Predicate;

/**
 * A table that says below each heading what kind of number stands there.
 *
 * @param whatIf the rows that hold for no Linux of today, and are marked
 */
record BasisTable<R>(List<Column<R>> columns, Predicate<R> whatIf) {
  static final String AXIS = "axis";

  record Column<R>(String heading, String basis, boolean number, Function<R, String> cell) {
    private String attributes() {
      return number ? "class=\"n\"" : basis.equals(AXIS) ? "class=\"axis\"" : "";
    }
  }

  void write(HtmlText html, List<R> rows) {
    html.raw("<div class=\"scroll\"><table class=\"cells\"><thead><tr>");
    for (Column<R> column : columns) {
      html.element(
          "th", column.number() ? "scope=\"col\" class=\"n\"" : "scope=\"col\"", column.heading());
    }
    html.raw("</tr><tr class=\"basis\">");
    for (Column<R> column : columns) {
      html.element("td", column.attributes(), column.basis());
    }
    html.raw("</tr></thead><tbody>\n");
    for (R row : rows) {
      html.raw(whatIf.test(row) ? "<tr class=\"what-if\">" : "<tr>");
      for (Column<R> column : columns) {
        html.element("td", column.attributes(), column.cell().apply(row));
      }
      html.raw("</tr>\n");
    }
    html.raw("</tbody></table></div>");
  }
}
