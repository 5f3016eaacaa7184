package dev.quire.lab.report.html;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assumptions.assumeThat;

import java.io.File;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Opens pages in headless Chromium, without network; skipped where there is none. */
class TlbPageInBrowserTest {
  private static final long LONGEST_SECONDS = 60;
  private static Path browser;

  @TempDir Path folder;

  @BeforeAll
  static void findBrowser() {
    for (String name : List.of("chromium", "chromium-browser", "google-chrome")) {
      for (String on : System.getenv().getOrDefault("PATH", "").split(File.pathSeparator, -1)) {
        if (browser == null && !on.isEmpty() && Files.isExecutable(Path.of(on, name))) {
          browser = Path.of(on, name);
        }
      }
    }
    assumeThat(browser).as("a Chromium on the PATH").isNotNull();
  }

  /** The document after its scripts ran; fails on any word in the browser's console. */
  private String open(String page, String... options) throws Exception {
    Path file = Files.writeString(folder.resolve("page.html"), page);
    Path dom = folder.resolve("dom.html");
    Path log = folder.resolve("log.txt");
    List<String> command =
        new ArrayList<>(
            List.of(
                browser.toString(),
                "--headless",
                "--no-sandbox",
                "--disable-gpu",
                "--disable-dev-shm-usage",
                "--host-resolver-rules=MAP * ~NOTFOUND",
                "--user-data-dir=" + folder.resolve("profile"),
                "--virtual-time-budget=10000",
                "--enable-logging=stderr",
                "--dump-dom"));
    command.addAll(List.of(options));
    command.add(file.toUri().toString());
    Process process =
        new ProcessBuilder(command)
            .redirectOutput(dom.toFile())
            .redirectError(log.toFile())
            .start();
    try {
      assertThat(process.waitFor(LONGEST_SECONDS, TimeUnit.SECONDS)).isTrue();
    } finally {
      process.destroyForcibly().waitFor();
    }
    assertThat(Files.readString(log)).doesNotContain("CONSOLE");
    return Files.readString(dom);
  }

  /** A page's document from its first plot's figure to the data of the plots. */
  private static String figures(String dom) {
    return dom.substring(dom.indexOf("<figure>"), dom.indexOf("id=\"plots\""));
  }

  private static int count(String text, String part) {
    return text.split(part, -1).length - 1;
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
