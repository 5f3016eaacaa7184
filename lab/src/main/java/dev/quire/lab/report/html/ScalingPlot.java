package dev.quire.lab.report.html;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * Rates over the number of vCPUs, published and modelled, both axes logarithmic. A series is a
 * row's name without its last part. A pure function.
 */
final class ScalingPlot {
  private ScalingPlot() {}

  /** Adds the figure to the page and its data to the plots. */
  static void add(
      HtmlText html,
      String experiment,
      String unit,
      List<Map<String, Object>> rows,
      List<Map<String, Object>> plots) {
    List<Object> values = new ArrayList<>();
    Set<Object> series = new LinkedHashSet<>();
    Set<Object> vcpus = new LinkedHashSet<>();
    for (Map<String, Object> row : rows) {
      String name = row.get("name").toString();
      String own = name.substring(0, Math.max(0, name.lastIndexOf('/')));
      series.add(own);
      vcpus.add(row.get("vcpus"));
      for (String which : List.of("published", "modelled")) {
        if (row.get(which) != null) {
          Map<String, Object> value = new LinkedHashMap<>();
          value.put("series", own);
          value.put("vcpus", row.get("vcpus"));
          value.put("which", which);
          value.put("value", row.get(which));
          value.put("basis", row.get("basis"));
          values.add(value);
        }
      }
    }
    String id = "plot" + plots.size();
    Map<String, Object> plot = new LinkedHashMap<>();
    plot.put("id", id);
    plot.put("kind", "scaling");
    plot.put("title", experiment + ", " + unit);
    plot.put("unit", unit);
    plot.put("series", List.copyOf(series));
    plot.put("vcpus", List.copyOf(vcpus));
    plot.put("values", values);
    plots.add(plot);
    html.raw("<figure><figcaption>").text(experiment + ", in " + unit);
    html.raw(", over the number of vCPUs: lines are modelled, points published</figcaption>");
    html.raw("<div class=\"plot wide\" id=\"" + id + "\" role=\"img\" aria-label=\"published and");
    html.raw(
        " modelled rates over vCPUs; their numbers stand in the table below\"></div></figure>\n");
  }
}
