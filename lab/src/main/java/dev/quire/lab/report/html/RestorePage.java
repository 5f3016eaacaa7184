package dev.quire.lab.report.html;

import dev.quire.emulator.json.JsonValues;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * Restores of one snapshot side by side as one HTML page that needs nothing else: what came when,
 * who brought it, and what it cost. A pure function of result lines.
 */
public final class RestorePage {
  private RestorePage() {}

  /**
   * The page.
   *
   * @param manifest members of the {@code manifest} line; empty if there was none
   * @param points members of the {@code point} lines, in order
   * @param timelines members of the {@code timeline} lines, in the same order
   * @throws IllegalArgumentException if no point holds restore figures
   */
  public static String of(
      Map<String, Object> manifest,
      List<Map<String, Object>> points,
      List<Map<String, Object>> timelines) {
    List<RestoreRow> rows = RestoreRow.of(points);
    if (rows.isEmpty()) {
      throw new IllegalArgumentException("no result line holds restore figures");
    }
    List<Map<String, Object>> plots = new ArrayList<>();
    HtmlText html = new HtmlText();
    html.raw("<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n");
    html.raw("<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n");
    html.raw("<meta name=\"color-scheme\" content=\"light dark\">\n");
    html.raw("<title>Quire: restore</title>\n<style>\n");
    html.raw(PageAssets.read("report.css")).raw("</style></head><body>\n");
    heading(html, manifest);
    RestoreCells.write(html, rows);
    html.raw(
        "<noscript><p class=\"note\">The plots need JavaScript; the table has their sums.</p>");
    html.raw("</noscript>\n");
    RestorePlots.write(html, rows, timelines, plots);
    basis(html, rows);
    html.raw("<script type=\"application/json\" id=\"plots\">");
    html.raw(JsonValues.text(plots).replace("<", "\\u003c")).raw("</script>\n");
    for (String script : PageAssets.scripts()) {
      html.raw("<script>").raw(script).raw("</script>\n");
    }
    html.raw("<script type=\"text/plain\" id=\"licences\">\n");
    html.raw(PageAssets.read("vega/LICENSES.txt")).raw("</script>\n</body></html>\n");
    return html.toString();
  }

  private static void heading(HtmlText html, Map<String, Object> manifest) {
    Map<?, ?> config = manifest.get("config") instanceof Map<?, ?> map ? map : Map.of();
    Object guest = config.get("guest");
    html.raw("<header><h1>Restore</h1>\n<p class=\"lead\">");
    html.text((guest == null ? "" : guest + ": ") + "how its memory came back, and what that cost");
    html.raw("</p>\n<dl>");
    Map<String, String> facts = new LinkedHashMap<>();
    config.forEach(
        (name, value) -> {
          if (value != null && !name.equals("command")) {
            facts.put(
                name.toString().replace('_', ' '),
                name.equals("memory_bytes") ? Figure.bytes(value) : Figure.axis(value));
          }
        });
    for (String name : List.of("seed", "version", "commit", "jdk", "unicorn", "host")) {
      if (manifest.get(name) != null) {
        facts.put(name, Figure.axis(manifest.get(name)));
      }
    }
    facts.values().removeIf(String::isBlank);
    facts.forEach(
        (name, value) -> {
          html.raw("<div>").element("dt", "", name);
          html.element("dd", "", value).raw("</div>");
        });
    html.raw("</dl></header>\n");
  }

  private static void basis(HtmlText html, List<RestoreRow> rows) {
    html.raw("<section><h2>What the numbers are</h2>\n<dl class=\"basis-list\">");
    entry(
        html,
        "counted",
        "faults, clears, copies, PTEs, messages, stage-2 faults, pages: exact counts of what the"
            + " modelled host kernel did with the guest's real bytes, the same on every run."
            + " Reading the snapshot's memory file is counted apart.");
    entry(
        html,
        "modelled",
        "times: counts times the prices of the cost model "
            + rows.getFirst().costModel()
            + ", of one machine. They are no measurement. What the model does not price (reading a"
            + " disk, contention) is in none of them.");
    entry(
        html,
        "wall clock",
        "how long Quire took to do it on the machine that ran it; it says nothing of Linux.");
    entry(html, "measured on hardware", "nothing on this page.");
    html.raw("</dl></section>\n");
  }

  private static void entry(HtmlText html, String name, String text) {
    html.raw("<div>").element("dt", "", name).element("dd", "", text).raw("</div>");
  }
}
