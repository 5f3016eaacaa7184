package dev.quire.lab.report.html;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** The plots of restores: latencies side by side, then a time line and a map of each. */
final class RestorePlots {
  private static final List<String> PARTS = List.of("restore", "fault", "handler");
  private static final List<String> PART_NAMES =
      List.of("until the guest may run", "its faults afterwards", "handlers it waits for");

  private RestorePlots() {}

  /** Adds figures to the page, and what draws them to {@code plots}. */
  static void write(
      HtmlText html,
      List<RestoreRow> rows,
      List<Map<String, Object>> timelines,
      List<Map<String, Object>> plots) {
    latencies(html, rows, plots);
    if (timelines.isEmpty()) {
      return;
    }
    html.raw("<section><h2>When memory came, and who brought it</h2>\n");
    html.raw(
        "<p class=\"note\">Left: pages of 4 KiB that hold their contents, by who populated them,"
            + " and second-stage faults of the guest, against modelled time since the restore began"
            + " (the host's work, and one nanosecond for each instruction of the guest). Right: the"
            + " same by guest physical address; each cell has the colour of whoever populated most"
            + " of it then, the stronger the more pages. A restore is over where it is"
            + " marked.</p>\n");
    for (int i = 0; i < timelines.size(); i++) {
      timeline(html, timelines.get(i), i < rows.size() ? rows.get(i) : null, plots);
    }
    html.raw("</section>\n");
  }

  private static void latencies(
      HtmlText html, List<RestoreRow> rows, List<Map<String, Object>> plots) {
    List<Object> values = new ArrayList<>();
    List<String> titles = new ArrayList<>();
    for (RestoreRow row : rows) {
      String title = row.title();
      while (titles.contains(title)) {
        title += " again";
      }
      titles.add(title);
      for (int part = 0; part < PARTS.size(); part++) {
        Map<String, Object> value = new LinkedHashMap<>();
        value.put("row", title);
        value.put("part", PART_NAMES.get(part));
        value.put("ms", row.millis(PARTS.get(part)));
        value.put("order", part);
        values.add(value);
      }
    }
    Map<String, Object> plot = plot(plots, "latencies", "what the guest waited for");
    plot.put("rows", titles);
    plot.put("parts", PART_NAMES);
    plot.put("values", values);
    html.raw(
        "<section><h2>What the guest waited for</h2>\n<p class=\"note\">Modelled, cost model ");
    html.text(rows.getFirst().costModel());
    html.raw(
        ". The table has the figures.</p>\n<figure><figcaption>Modelled milliseconds</figcaption>");
    html.raw("<div class=\"plot wide\" id=\"" + plot.get("id") + "\" role=\"img\"");
    html.raw(" aria-label=\"bars; their numbers stand in the table\"></div></figure></section>\n");
  }

  private static Map<String, Object> plot(
      List<Map<String, Object>> plots, String kind, String title) {
    Map<String, Object> plot = new LinkedHashMap<>();
    plot.put("id", "plot" + plots.size());
    plot.put("kind", kind);
    plot.put("title", title);
    plots.add(plot);
    return plot;
  }

  private static void timeline(
      HtmlText html,
      Map<String, Object> timeline,
      RestoreRow row,
      List<Map<String, Object>> plots) {
    String title = row == null ? "restore" : row.title();
    double stepMillis = number(timeline.get("step_ns")) / 1e6;
    Map<String, Object> lines = plot(plots, "population", title);
    double restored = row == null ? 0 : row.millis("restore");
    lines.put("restored", restored);
    // Second-stage entries that prefault installs come after the last page.
    double end = Math.max(number(timeline.get("steps")) * stepMillis, restored);
    lines.put("end", end);
    lines.put("values", series(timeline, stepMillis));
    Map<String, Object> map = plot(plots, "memory", title);
    map.put("step", stepMillis);
    map.put("end", end);
    double low = number(timeline.get("first_gpa")) / (1 << 20);
    double band = number(timeline.get("band_bytes")) / (1 << 20);
    map.put("band", band);
    map.put("low", low);
    map.put("high", low + number(timeline.get("bands")) * band);
    map.put("restored", restored);
    map.put("values", cells(timeline, stepMillis));
    html.raw("<figure><figcaption>").text(title).raw("</figcaption><div class=\"pair\">");
    html.raw("<div class=\"plot wide\" id=\"" + lines.get("id") + "\" role=\"img\"");
    html.raw(" aria-label=\"pages populated and faults against time\"></div>");
    html.raw("<div class=\"plot wide\" id=\"" + map.get("id") + "\" role=\"img\"");
    html.raw(" aria-label=\"who populated which part of memory when\"></div></div></figure>\n");
  }

  private static double number(Object value) {
    return value instanceof Number number ? number.doubleValue() : 0;
  }

  private static List<Object> series(Map<String, Object> timeline, double stepMillis) {
    List<Object> values = new ArrayList<>();
    if (timeline.get("populated") instanceof Map<?, ?> populated) {
      populated.forEach((who, counts) -> add(values, who.toString(), counts, stepMillis));
    }
    add(values, "stage-2 faults", timeline.get("faults"), stepMillis);
    return values;
  }

  private static void add(List<Object> values, String series, Object counts, double stepMillis) {
    if (!(counts instanceof List<?> list)) {
      return;
    }
    for (int step = 0; step < list.size(); step++) {
      Map<String, Object> value = new LinkedHashMap<>();
      value.put("series", series);
      value.put("ms", step * stepMillis);
      value.put("pages", list.get(step));
      values.add(value);
    }
  }

  private static List<Object> cells(Map<String, Object> timeline, double stepMillis) {
    List<Object> values = new ArrayList<>();
    double band = number(timeline.get("band_bytes"));
    double first = number(timeline.get("first_gpa"));
    if (timeline.get("map") instanceof List<?> cells) {
      for (Object cell : cells) {
        if (cell instanceof List<?> of && of.size() == 4) {
          Map<String, Object> value = new LinkedHashMap<>();
          value.put("mib", (first + number(of.get(0)) * band) / (1 << 20));
          value.put("ms", number(of.get(1)) * stepMillis);
          value.put("who", of.get(2));
          value.put("pages", of.get(3));
          value.put("share", Math.min(1, number(of.get(3)) * 4096 / band));
          values.add(value);
        }
      }
    }
    return values;
  }
}
