package dev.quire.lab.report.html;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The page of published results in headless Chromium; skipped where there is none. */
class ReproducePageInBrowserTest {
  private PagesInBrowser browser;

  @TempDir Path folder;

  @BeforeEach
  void findBrowser() {
    browser = PagesInBrowser.find(folder);
  }

  private static Map<String, Object> row(String name, String unit, Object published) {
    Map<String, Object> row = new HashMap<>();
    row.put("experiment", "toy");
    row.put("name", name);
    row.put("unit", unit);
    row.put("published", published);
    row.put("modelled", 12.5);
    row.put("error", published == null ? null : 25.0);
    row.put("basis", "predicted");
    row.put("machine", "m");
    row.put("source", "a mail");
    return row;
  }

  private static Map<String, Object> rate(String series, int vcpus, double published) {
    Map<String, Object> row = row(series + "/" + vcpus, "kpages/s", published);
    row.put("vcpus", vcpus);
    row.put("modelled", published * 1.1);
    return row;
  }

  private static Map<String, Object> summary() {
    Map<String, Object> summary = new HashMap<>();
    summary.put("experiment", "toy");
    summary.put("bounds", 0L);
    summary.put("bounds_broken", List.of());
    summary.put("wrong_orders", List.of());
    summary.put("furthest_off", List.of("time"));
    return summary;
  }

  @Test
  void ratesAreLinesOverVcpusAndTheRestPairs() throws Exception {
    List<Map<String, Object>> rows = new ArrayList<>();
    rows.add(row("time", "ms", 10.0));
    rows.add(row("unpublished", "ms", null));
    for (int vcpus : new int[] {1, 2, 4, 64}) {
      rows.add(rate("uffd", vcpus, 100 + vcpus));
      rows.add(rate("exits", vcpus, 300.0 * vcpus));
    }
    String dom = browser.open(ReproducePage.of(Map.of(), rows, List.of(summary())));
    String figures = dom.substring(dom.indexOf("<figure>"), dom.indexOf("id=\"plots\""));
    assertThat(figures.split("data-drawn=\"yes\"", -1)).hasSize(1 + 2);
    assertThat(figures.split("aria-roledescription=\"line mark\"", -1)).hasSizeGreaterThan(2);
    // 2 published and modelled times less the one nobody published, 8 published rates.
    assertThat(figures.split("aria-roledescription=\"point\"", -1)).hasSize(1 + 3 + 8);
    assertThat(dom).contains("<td>unpublished</td><td class=\"n\">–</td>");
  }
}
