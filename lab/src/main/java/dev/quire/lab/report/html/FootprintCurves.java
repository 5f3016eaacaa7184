package dev.quire.lab.report.html;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;

/** Misses over footprint, where rows differ in footprint: a plot a geometry, a line a cell. */
final class FootprintCurves {
  private FootprintCurves() {}

  /** Adds nothing where no two rows differ in footprint alone. */
  static void write(HtmlText html, List<TlbRow> rows, List<Map<String, Object>> plots) {
    List<TlbRow> known = rows.stream().filter(row -> row.footprintBytes() > 0).toList();
    if (known.isEmpty() || !new TlbAxes(known).varies(TlbRow.FOOTPRINT)) {
      return;
    }
    TlbAxes axes = new TlbAxes(known);
    List<String> apart = new ArrayList<>(List.of(TlbRow.TLB));
    apart.addAll(axes.varyingBesides(Set.of(TlbRow.FOOTPRINT)));
    Map<String, List<TlbRow>> groups = axes.groupedBy(apart);
    groups.values().removeIf(group -> !new TlbAxes(group).varies(TlbRow.FOOTPRINT));
    if (groups.isEmpty()) {
      return;
    }
    html.raw("<section><h2>Misses over footprint</h2>\n");
    html.raw(
        "<p class=\"note\">Per million accesses, counted in the modelled TLB. Solid: L2 (no level"
            + " had it). Dashed: L1. Lines that coincide show behind each other, wider. The"
            + " footprint is on a logarithmic scale.</p>\n");
    groups.forEach((title, group) -> write(html, title, group, plots));
    html.raw("</section>\n");
  }

  private static String series(TlbRow row) {
    return row.axis(TlbRow.GUEST_PAGES)
        + " on "
        + row.axis(TlbRow.HOST_PAGES)
        + (row.hypothetical() ? "*" : "");
  }

  private static void write(
      HtmlText html, String title, List<TlbRow> group, List<Map<String, Object>> plots) {
    Set<String> lines = new LinkedHashSet<>();
    TreeSet<Long> footprints = new TreeSet<>();
    Map<String, TlbRow> cells = new LinkedHashMap<>();
    List<Object> values = new ArrayList<>();
    for (TlbRow row : group) {
      lines.add(series(row));
      footprints.add(row.footprintBytes());
      if (cells.putIfAbsent(series(row) + "\n" + row.footprintBytes(), row) == null) {
        add(values, row, "L2", "l2_mpma");
        add(values, row, "L1", "l1_mpma");
      }
    }
    String id = "plot" + plots.size();
    Map<String, Object> plot = new LinkedHashMap<>();
    plot.put("id", id);
    plot.put("kind", "curve");
    plot.put("title", title);
    plot.put("series", List.copyOf(lines));
    plot.put("footprints", List.copyOf(footprints));
    plot.put("values", values);
    plots.add(plot);
    html.raw("<figure><figcaption>").text(title).raw("</figcaption><div class=\"pair\">");
    html.raw("<div class=\"plot wide\" id=\"" + id + "\" role=\"img\" aria-label=\"curves; their");
    html.raw(" numbers stand beside them\"></div><div class=\"scroll\"><table><thead><tr>");
    html.raw("<th scope=\"col\" rowspan=\"2\">footprint</th>");
    lines.forEach(line -> html.element("th", "scope=\"colgroup\" colspan=\"2\"", line));
    html.raw("</tr><tr>");
    lines.forEach(line -> html.raw("<th class=\"n\">L1</th><th class=\"n\">L2</th>"));
    html.raw("</tr></thead><tbody>");
    for (long footprint : footprints) {
      html.raw("<tr>").element("th", "scope=\"row\" class=\"n\"", Figure.bytes(footprint));
      for (String line : lines) {
        TlbRow row = cells.get(line + "\n" + footprint);
        for (String name : List.of("l1_mpma", "l2_mpma")) {
          html.element("td", "class=\"n\"", row == null ? "" : Figure.rate(row.number(name)));
        }
      }
      html.raw("</tr>");
    }
    html.raw("</tbody></table></div></div></figure>\n");
  }

  private static void add(List<Object> values, TlbRow row, String level, String name) {
    if (!Double.isNaN(row.number(name))) {
      Map<String, Object> value = new LinkedHashMap<>();
      value.put("footprint", row.footprintBytes());
      value.put("size", Figure.bytes(row.footprintBytes()));
      value.put("series", series(row));
      value.put("level", level);
      value.put("misses", row.number(name));
      values.add(value);
    }
  }
}
