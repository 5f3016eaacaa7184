package dev.quire.lab.report.html;

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
    HtmlText html = PageFrame.begin("restore");
    heading(html, manifest);
    RestoreCells.write(html, rows);
    html.raw(
        "<noscript><p class=\"note\">The plots need JavaScript; the table has their sums.</p>");
    html.raw("</noscript>\n");
    RestorePlots.write(html, rows, timelines, plots);
    basis(html, rows);
    return PageFrame.end(html, plots);
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
    PageFrame.entries(html, facts);
    html.raw("</dl></header>\n");
  }

  private static void basis(HtmlText html, List<RestoreRow> rows) {
    Map<String, String> texts = new LinkedHashMap<>();
    texts.put(
        "counted",
        "faults, clears, copies, PTEs, messages, stage-2 faults, pages: exact counts of what the"
            + " modelled host kernel did with the guest's real bytes, the same on every run."
            + " Reading the snapshot's memory file is counted apart.");
    texts.put(
        "modelled",
        "times: counts times the prices of the cost model "
            + rows.getFirst().costModel()
            + ", of one machine. They are no measurement. What the model does not price (reading a"
            + " disk, contention) is in none of them.");
    texts.put(
        "wall clock",
        "how long Quire took to do it on the machine that ran it; it says nothing of Linux.");
    if (rows.stream().anyMatch(RestoreRow::hypothetical)) {
      texts.put("what-if", PageFrame.WHAT_IF);
    }
    texts.put("measured on hardware", "nothing on this page.");
    PageFrame.basis(html, texts);
  }
}
