package dev.quire.lab.report.html;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * TLB pressure as one HTML page that needs nothing else: no network, no other file. A pure function
 * of result lines: what is not in them is not on the page.
 */
public final class TlbPage {
  private TlbPage() {}

  /**
   * The page.
   *
   * @param manifest members of the {@code manifest} line; empty if there was none
   * @param points members of the {@code point} lines, in order
   * @throws IllegalArgumentException if no point holds TLB figures
   */
  public static String of(Map<String, Object> manifest, List<Map<String, Object>> points) {
    List<TlbRow> rows = TlbRow.of(points);
    if (rows.isEmpty()) {
      throw new IllegalArgumentException("no result line holds TLB figures");
    }
    List<Map<String, Object>> plots = new ArrayList<>();
    HtmlText html = PageFrame.begin("TLB pressure");
    heading(html, manifest, rows);
    CellTable.write(html, rows);
    html.raw(
        "<noscript><p class=\"note\">The plots need JavaScript; every number of theirs stands in");
    html.raw(" a table.</p></noscript>\n");
    FootprintCurves.write(html, rows, plots);
    HeatMaps.write(html, rows, plots);
    basis(html, rows);
    return PageFrame.end(html, plots);
  }

  private static void heading(HtmlText html, Map<String, Object> manifest, List<TlbRow> rows) {
    TlbAxes axes = new TlbAxes(rows);
    Map<String, String> facts = new LinkedHashMap<>();
    Map<?, ?> config = manifest.get("config") instanceof Map<?, ?> map ? map : Map.of();
    html.raw("<header><h1>TLB pressure</h1>\n<p class=\"lead\">");
    html.text(lead(config, axes)).raw("</p>\n<dl>");
    facts.putAll(axes.fixed());
    config.forEach(
        (name, value) -> {
          if (value != null && !axes.fixed().containsKey(name)) {
            facts.put(name.toString(), Figure.axis(value));
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
          html.raw("<div>").element("dt", "", TlbAxes.label(name));
          html.element("dd", "", value).raw("</div>");
        });
    html.raw("</dl></header>\n");
  }

  private static String lead(Map<?, ?> config, TlbAxes axes) {
    Map<String, String> fixed = axes.fixed();
    Object what = config.get("guest") != null ? config.get("guest") : fixed.get("guest");
    what = what == null ? fixed.get("stream") : what;
    String subject = what == null ? "" : what + ": ";
    return subject + "which page size, on which side, on which core";
  }

  private static void basis(HtmlText html, List<TlbRow> rows) {
    Map<String, String> texts = new LinkedHashMap<>();
    texts.put(
        "counted",
        "accesses, misses, walks, references, entries, reach: exact counts of events in the"
            + " modelled TLB, the same on every run. Rates are counts divided by counts. Reach is"
            + " what the entries of the last level cover at the end. Where a core has no L2, L2"
            + " figures are those of L1.");
    texts.put(
        "modelled",
        "walk cycles: counts times the costs of the named cost model. They are no measurement.");
    texts.put(
        "published",
        "nothing in the tables. The geometry of each TLB is read from a document, recalled or"
            + " assumed field by field: 'quire tlb-presets NAME' lists source and confidence of"
            + " each.");
    if (rows.stream().anyMatch(TlbRow::hypothetical)) {
      texts.put("what-if", PageFrame.WHAT_IF);
    }
    texts.put("measured on hardware", "nothing on this page.");
    PageFrame.basis(html, texts);
  }
}
