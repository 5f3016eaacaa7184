package dev.quire.lab.report.html;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;

/**
 * Published and modelled figures side by side as one HTML page that needs nothing else. A pure
 * function of result lines.
 */
public final class ReproducePage {
  private ReproducePage() {}

  /**
   * The page.
   *
   * @param manifest members of the {@code manifest} line
   * @param rows members of the {@code row} lines, in order
   * @param summaries members of the {@code summary} lines, one an experiment
   */
  public static String of(
      Map<String, Object> manifest,
      List<Map<String, Object>> rows,
      List<Map<String, Object>> summaries) {
    List<Map<String, Object>> plots = new ArrayList<>();
    HtmlText html = PageFrame.begin("published and modelled");
    heading(html, manifest);
    summary(html, summaries);
    for (Map<String, Object> summary : summaries) {
      Object experiment = summary.get("experiment");
      List<Map<String, Object>> own =
          rows.stream().filter(row -> experiment.equals(row.get("experiment"))).toList();
      experiment(html, experiment.toString(), own, summary, plots);
    }
    basis(html);
    return PageFrame.end(html, plots);
  }

  private static void heading(HtmlText html, Map<String, Object> manifest) {
    html.raw("<header><h1>Published and modelled</h1>\n<p class=\"lead\">");
    html.text("Results of kernel mailing lists, run again on the modelled kernel")
        .raw("</p>\n<dl>");
    for (String name : List.of("seed", "version", "commit", "jdk", "host")) {
      if (manifest.get(name) != null) {
        html.raw("<div>").element("dt", "", name);
        html.element("dd", "", Figure.axis(manifest.get(name))).raw("</div>");
      }
    }
    html.raw("</dl></header>\n");
  }

  private static void summary(HtmlText html, List<Map<String, Object>> summaries) {
    html.raw(
        "<section><h2>How far the model is off</h2>\n<div class=\"scroll\"><table><thead><tr>");
    html.element("th", "scope=\"col\"", "experiment");
    for (String heading :
        List.of(
            "rows",
            "predicted",
            "fitted",
            "free prices",
            "counted",
            "not modelled",
            "error, predicted",
            "\"no change\"",
            "error, fitted",
            "bounds kept",
            "orders wrong")) {
      html.element("th", "scope=\"col\" class=\"n\"", heading);
    }
    html.raw("</tr></thead><tbody>\n");
    for (Map<String, Object> one : summaries) {
      html.raw("<tr>").element("th", "scope=\"row\"", one.get("experiment").toString());
      for (String key :
          List.of(
              "rows",
              "predicted_rows",
              "fitted_rows",
              "free_prices",
              "counted_rows",
              "not_modelled_rows")) {
        html.element("td", "class=\"n\"", Figure.count(one.get(key)));
      }
      for (String key :
          List.of(
              "predicted_mean_absolute_error",
              "predicted_no_change_error",
              "fitted_mean_absolute_error")) {
        html.element("td", "class=\"n\"", Figure.rate(one.get(key)));
      }
      long bounds = ((Number) one.get("bounds")).longValue();
      int broken = ((List<?>) one.get("bounds_broken")).size();
      html.element("td", "class=\"n\"", bounds - broken + " of " + bounds);
      html.element("td", "class=\"n\"", "" + ((List<?>) one.get("wrong_orders")).size());
      html.raw("</tr>\n");
    }
    html.raw("</tbody></table></div>\n<p class=\"note\">Errors are means of absolute errors:");
    html.raw(" percentage points where per cent were published, per cent of a published time,");
    html.raw(" the logarithm of the ratio in per cent of a published rate.");
    html.raw(" Bounds enter no mean.</p></section>\n");
  }

  private static void experiment(
      HtmlText html,
      String name,
      List<Map<String, Object>> rows,
      Map<String, Object> summary,
      List<Map<String, Object>> plots) {
    html.raw("<section>").element("h2", "", name);
    List<?> wrong = (List<?>) summary.get("wrong_orders");
    if (!wrong.isEmpty()) {
      html.raw("<p class=\"note what-if\">Orders the model has the other way round: ");
      html.text(String.join("; ", wrong.stream().map(Object::toString).toList())).raw("</p>\n");
    }
    furthestOff(html, rows, summary);
    for (String unit : units(rows)) {
      List<Map<String, Object>> ofUnit =
          rows.stream().filter(row -> unit.equals(row.get("unit"))).toList();
      if (ofUnit.stream().allMatch(row -> row.containsKey("vcpus"))) {
        ReproducePlots.addScaling(html, name, unit, ofUnit, plots);
      } else {
        ReproducePlots.addPairs(html, name, unit, ofUnit, plots);
      }
    }
    html.raw("<div class=\"scroll\"><table class=\"cells\"><thead><tr>");
    html.element("th", "scope=\"col\"", "row");
    for (String heading : List.of("published", "modelled", "error")) {
      html.element("th", "scope=\"col\" class=\"n\"", heading);
    }
    for (String heading : List.of("basis", "machine", "source")) {
      html.element("th", "scope=\"col\"", heading);
    }
    html.raw("</tr></thead><tbody>\n");
    rows.forEach(row -> row(html, row));
    html.raw("</tbody></table></div></section>\n");
  }

  private static void furthestOff(
      HtmlText html, List<Map<String, Object>> rows, Map<String, Object> summary) {
    List<?> names = (List<?>) summary.get("furthest_off");
    html.raw("<p class=\"note\">Furthest off:</p><ul>\n");
    for (Object name : names) {
      for (Map<String, Object> row : rows) {
        if (name.equals(row.get("name"))) {
          html.raw("<li>").text(name + ", " + error(row));
          html.text(row.get("off") == null ? "" : ": " + row.get("off")).raw("</li>\n");
        }
      }
    }
    html.raw("</ul>\n");
  }

  private static String error(Map<String, Object> row) {
    boolean percent = row.get("unit").equals("%");
    return row.get("error") instanceof Number error
        ? String.format(Locale.ROOT, "%+.2f %s", error.doubleValue(), percent ? "pp" : "%")
        : "–";
  }

  private static Set<String> units(List<Map<String, Object>> rows) {
    Set<String> units = new LinkedHashSet<>();
    rows.forEach(row -> units.add(row.get("unit").toString()));
    return units;
  }

  private static void row(HtmlText html, Map<String, Object> row) {
    boolean broken = Boolean.FALSE.equals(row.get("bound_kept"));
    html.raw(broken ? "<tr class=\"what-if\">" : "<tr>");
    html.element("td", "", row.get("name").toString());
    String sign =
        switch (String.valueOf(row.get("bound"))) {
          case "below" -> "< ";
          case "above" -> "> ";
          case "at-most" -> "≤ ";
          default -> "";
        };
    String unit = row.get("unit").toString();
    html.element("td", "class=\"n\"", sign + figure(row.get("published"), unit));
    html.element("td", "class=\"n\"", figure(row.get("modelled"), unit));
    html.element("td", "class=\"n\"", error(row));
    String basis = row.get("basis").toString().replace('_', ' ');
    Object kept = row.get("bound_kept");
    Object reason = row.get("reason");
    html.element(
        "td",
        "",
        basis
            + (kept == null ? "" : broken ? ": bound broken" : ": bound kept")
            + (reason == null ? "" : ": " + reason));
    html.element("td", "", Figure.axis(row.get("machine")));
    html.element("td", "", row.get("source").toString());
    html.raw("</tr>\n");
  }

  private static String figure(Object value, String unit) {
    if (!(value instanceof Number number)) {
      return "–";
    }
    double figure = number.doubleValue();
    String digits =
        unit.equals("s")
            ? String.format(Locale.ROOT, "%.6f", figure)
            : unit.equals("count")
                ? String.format(Locale.ROOT, "%.0f", figure)
                : String.format(Locale.ROOT, "%.2f", figure);
    return unit.equals("count") ? digits : digits + " " + unit;
  }

  private static void basis(HtmlText html) {
    Map<String, String> texts = new LinkedHashMap<>();
    texts.put("published", "taken from the source named in the row, as it stands there.");
    texts.put(
        "predicted",
        "counts of the modelled kernel times prices, none of which was fitted on the row.");
    texts.put(
        "fitted",
        "the same, but the row was among those on which free prices were fitted, or follows from"
            + " them.");
    texts.put("counted", "a count of the modelled kernel; no price.");
    texts.put("not modelled", "there is no workload model of it, so there is no answer.");
    texts.put("measured on hardware", "nothing on this page but what was published.");
    PageFrame.basis(html, texts);
  }
}
