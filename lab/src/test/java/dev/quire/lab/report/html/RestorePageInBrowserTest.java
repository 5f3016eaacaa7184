package dev.quire.lab.report.html;

import static dev.quire.lab.report.html.PagesInBrowser.count;
import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Opens the page of restores in headless Chromium; skipped where there is none. */
class RestorePageInBrowserTest {
  @TempDir Path folder;
  private PagesInBrowser browser;

  @BeforeEach
  void findBrowser() {
    browser = PagesInBrowser.find(folder);
  }

  @ParameterizedTest
  @CsvSource({"light, 1", "dark, 0"})
  void everyPlotIsDrawn(String scheme, int setting) throws Exception {
    String dom =
        browser.open(
            RestorePage.of(
                RestorePoints.manifest(), RestorePoints.points(), RestorePoints.timelines()),
            "--blink-settings=preferredColorScheme=" + setting);
    String figures = dom.substring(dom.indexOf("<figure>"), dom.indexOf("id=\"plots\""));
    assertThat(count(figures, "data-drawn=\"yes\"")).isEqualTo(1 + 2 * 3);
    // Three parts of each restore's latency; two cells of each map.
    assertThat(count(figures, "aria-roledescription=\"bar\"")).isEqualTo(3 * 3);
    assertThat(count(figures, "aria-roledescription=\"rect mark\"")).isEqualTo(2 * 3);
    assertThat(count(figures, ">restored<")).isEqualTo(2 * 3);
    // The colours come from the style sheet of the scheme.
    assertThat(figures).contains(scheme.equals("dark") ? "#6cb6ff" : "#0b5fb3");
  }

  @Test
  void hostileTextIsShownAndNothingElse() throws Exception {
    String hostile = "</script><script>console.error('run')</script><b>";
    Map<String, Object> axes = RestorePoints.axes(hostile, hostile);
    String dom =
        browser.open(
            RestorePage.of(
                Map.of(),
                List.of(RestorePoints.point(axes, 5, true)),
                List.of(RestorePoints.timeline(axes, "handler"))));
    String figures = dom.substring(dom.indexOf("<figure>"), dom.indexOf("id=\"plots\""));
    assertThat(figures).contains("data-drawn=\"yes\"").doesNotContain("<b>");
  }
}
