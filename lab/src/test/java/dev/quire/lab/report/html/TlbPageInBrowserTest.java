package dev.quire.lab.report.html;

import static dev.quire.lab.report.html.PagesInBrowser.count;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Opens pages in headless Chromium, without network; skipped where there is none. */
class TlbPageInBrowserTest {
  private PagesInBrowser browser;

  @TempDir Path folder;

  @BeforeEach
  void findBrowser() {
    browser = PagesInBrowser.find(folder);
  }

  private String open(String page, String... options) throws Exception {
    return browser.open(page, options);
  }

  /** A page's document from its first plot's figure to the data of the plots. */
  private static String figures(String dom) {
    return dom.substring(dom.indexOf("<figure>"), dom.indexOf("id=\"plots\""));
  }

  @ParameterizedTest
  @CsvSource({"light, 1", "dark, 0"})
  void heatMapsAreDrawn(String scheme, int setting) throws Exception {
    String dom =
        open(
            TlbPage.of(TlbPoints.manifest(), TlbPoints.grid()),
            "--blink-settings=preferredColorScheme=" + setting);
    String figures = figures(dom);
    assertThat(count(figures, "data-drawn=\"yes\"")).isEqualTo(2);
    assertThat(count(figures, "<svg")).isEqualTo(2);
    assertThat(count(figures, "aria-roledescription=\"rect mark\"")).isEqualTo(24);
    assertThat(count(figures, "aria-roledescription=\"text mark\"")).isEqualTo(24);
    assertThat(figures).contains(">583,901*</text>");
    // The colours come from the style sheet of the scheme.
    assertThat(figures).contains(scheme.equals("dark") ? "rgb(156, 201, 255)" : "rgb(10, 61, 134)");
  }

  @Test
  void curvesAreDrawn() throws Exception {
    String figures = figures(open(TlbPage.of(TlbPoints.manifest(), TlbPoints.footprints())));
    assertThat(count(figures, "data-drawn=\"yes\"")).isEqualTo(1 + 5);
    assertThat(count(figures, "aria-roledescription=\"line mark\"")).isEqualTo(4 * 2);
  }

  /** On a phone, too, every name of the legend can be read. */
  @ParameterizedTest
  @ValueSource(ints = {320, 380, 1280})
  void legendsFitTheirPlots(int width) throws Exception {
    String check =
        """
        <script>
        addEventListener("load", () => setTimeout(() => {
          const names = [...document.querySelectorAll(".role-legend text")];
          if (names.length < 5) console.error("no legend, " + names.length);
          for (const name of names) {
            const room = name.closest(".plot").getBoundingClientRect();
            if (name.getBoundingClientRect().right > room.right)
              console.error("cut off: " + name.textContent);
          }
        }, 1000));
        </script>
        """;
    String page = TlbPage.of(TlbPoints.manifest(), TlbPoints.footprints());
    open(page + check, "--window-size=" + width + ",1200");
  }

  /** The other tests rest on it. */
  @Test
  void anErrorInTheConsoleIsHeard() {
    String page = "<p id=\"plots\"><script>throw new Error('heard')</script>";
    assertThatThrownBy(() -> open(page))
        .isInstanceOf(AssertionError.class)
        .hasMessageContaining("heard");
  }

  @Test
  void hostileTextIsShownAndNothingElse() throws Exception {
    String hostile = "</script><script>console.error('run')</script><b>";
    Map<String, Object> axes = TlbPoints.axes(hostile, hostile, hostile);
    String dom = open(TlbPage.of(Map.of(), List.of(TlbPoints.point(axes, 5, false))));
    assertThat(figures(dom)).contains("data-drawn=\"yes\"").doesNotContain("<b>");
  }
}
