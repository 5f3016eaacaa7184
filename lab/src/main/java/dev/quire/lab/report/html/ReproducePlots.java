package dev.quire.lab.report.html;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

/** Published figures beside modelled ones, as plots. Pure functions. */
final class ReproducePlots {
  private ReproducePlots() {}

  /** Adds a figure of rows one below the other, and its data to the plots. */
  static void addPairs(
      HtmlText html,
      String experiment,
      String unit,
      List<Map<String, Object>> rows,
      List<Map<String, Object>> plots) {
    List<Object> values = new ArrayList<>();
    List<Object> names = new ArrayList<>();
    for (Map<String, Object> row : rows) {
      if (row.get("modelled") != null && row.get("bound") == null) {
        names.add(row.get("name"));
        addValues(values, row, Map.of("row", row.get("name")));
      }
    }
    if (values.isEmpty()) {
      return;
    }
    Map<String, Object> plot = begin(plots, "pairs", experiment, unit);
    plot.put("rows", names);
    plot.put("values", values);
    html.raw("<figure><figcaption>").text(experiment + ", in " + unit).raw("</figcaption>");
    end(html, plot, "published and modelled figures");
  }

  /**
   * Adds a figure of rates over the number of vCPUs, both axes logarithmic. A series is a row's
   * name without its last part.
   */
  static void addScaling(
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
      Map<String, Object> place = new LinkedHashMap<>();
      place.put("series", name.substring(0, Math.max(0, name.lastIndexOf('/'))));
      place.put("vcpus", row.get("vcpus"));
      series.add(place.get("series"));
      vcpus.add(place.get("vcpus"));
      addValues(values, row, place);
    }
    Map<String, Object> plot = begin(plots, "scaling", experiment, unit);
    plot.put("series", List.copyOf(series));
    plot.put("vcpus", List.copyOf(vcpus));
    plot.put("values", values);
    html.raw("<figure><figcaption>").text(experiment + ", in " + unit);
    html.raw(", over the number of vCPUs: lines are modelled, points published</figcaption>");
    end(html, plot, "published and modelled rates over vCPUs");
  }

  /** Both figures of a row, as far as there are any, each at its place in the plot. */
  private static void addValues(
      List<Object> values, Map<String, Object> row, Map<String, Object> place) {
    for (String which : List.of("published", "modelled")) {
      if (row.get(which) != null) {
        Map<String, Object> value = new LinkedHashMap<>(place);
        value.put("which", which);
        value.put("value", row.get(which));
        value.put("basis", row.get("basis"));
        values.add(value);
      }
    }
  }

  private static Map<String, Object> begin(
      List<Map<String, Object>> plots, String kind, String experiment, String unit) {
    Map<String, Object> plot = new LinkedHashMap<>();
    plot.put("id", "plot" + plots.size());
    plot.put("kind", kind);
    plot.put("title", experiment + ", " + unit);
    plot.put("unit", unit);
    plots.add(plot);
    return plot;
  }

  private static void end(HtmlText html, Map<String, Object> plot, String what) {
    html.raw("<div class=\"plot wide\" id=\"" + plot.get("id") + "\" role=\"img\" aria-label=\"");
    html.raw(what + "; their numbers stand in the table below\"></div></figure>\n");
  }
}
