package dev.quire.lab.report.html;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

/** A heat map for each geometry: guest pages by host pages, misses of the last level. */
final class HeatMaps {
  private HeatMaps() {}

  /** Adds figures with their tables to the page, and what draws them to {@code plots}. */
  static void write(HtmlText html, List<TlbRow> rows, List<Map<String, Object>> plots) {
    TlbAxes axes = new TlbAxes(rows);
    List<String> apart = new ArrayList<>(List.of(TlbRow.TLB));
    apart.addAll(axes.varyingBesides(Set.of()));
    html.raw("<section><h2>L2 misses per million accesses, by page size</h2>\n");
    html.raw(
        "<p class=\"note\">Across: host pages. Down: guest pages. Counted in the modelled TLB: the"
            + " accesses that no level had. All maps share one colour scale.");
    html.raw(rows.stream().anyMatch(TlbRow::hypothetical) ? " * what-if.</p>\n" : "</p>\n");
    double most =
        rows.stream().mapToDouble(HeatMaps::misses).filter(Double::isFinite).max().orElse(0);
    html.raw("<div class=\"maps\">");
    axes.groupedBy(apart).forEach((title, group) -> write(html, title, group, most, plots));
    html.raw("</div></section>\n");
  }

  private static double misses(TlbRow row) {
    return row.number("l2_mpma");
  }

  private static void write(
      HtmlText html,
      String title,
      List<TlbRow> group,
      double most,
      List<Map<String, Object>> plots) {
    Set<String> guests = new LinkedHashSet<>();
    Set<String> hosts = new LinkedHashSet<>();
    Map<String, TlbRow> cells = new LinkedHashMap<>();
    List<Object> values = new ArrayList<>();
    for (TlbRow row : group) {
      String guest = row.axis(TlbRow.GUEST_PAGES);
      String host = row.axis(TlbRow.HOST_PAGES);
      guests.add(guest);
      hosts.add(host);
      // Rows that agree in every axis are repetitions: the first stands for them.
      if (cells.putIfAbsent(guest + "\n" + host, row) == null && !Double.isNaN(misses(row))) {
        Map<String, Object> value = new LinkedHashMap<>();
        value.put("guest", guest);
        value.put("host", host);
        value.put("misses", misses(row));
        value.put("text", Figure.rate(misses(row)) + (row.hypothetical() ? "*" : ""));
        values.add(value);
      }
    }
    String id = "plot" + plots.size();
    Map<String, Object> plot = new LinkedHashMap<>();
    plot.put("id", id);
    plot.put("kind", "heat");
    plot.put("title", title);
    plot.put("most", most);
    plot.put("guests", List.copyOf(guests));
    plot.put("hosts", List.copyOf(hosts));
    plot.put("values", values);
    plots.add(plot);
    html.raw("<figure><figcaption>").text(title).raw("</figcaption><div class=\"pair\">");
    html.raw(
        "<div class=\"plot\" id=\"" + id + "\" role=\"img\" aria-label=\"heat map; its numbers");
    html.raw(" stand beside it\"></div><div class=\"scroll\"><table><thead><tr>");
    html.raw("<th scope=\"col\">guest \\ host</th>");
    hosts.forEach(host -> html.element("th", "scope=\"col\" class=\"n\"", host));
    html.raw("</tr></thead><tbody>");
    for (String guest : guests) {
      html.raw("<tr>").element("th", "scope=\"row\"", guest);
      for (String host : hosts) {
        TlbRow row = cells.get(guest + "\n" + host);
        boolean whatIf = row != null && row.hypothetical();
        html.element(
            "td",
            whatIf ? "class=\"n what-if\"" : "class=\"n\"",
            row == null ? "" : Figure.rate(misses(row)) + (whatIf ? "*" : ""));
      }
      html.raw("</tr>");
    }
    html.raw("</tbody></table></div></div></figure>\n");
  }
}
