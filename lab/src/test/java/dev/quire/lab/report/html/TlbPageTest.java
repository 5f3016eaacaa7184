package dev.quire.lab.report.html;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.quire.emulator.json.JsonValues;
import java.io.InputStream;
import java.security.MessageDigest;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class TlbPageTest {
  private static final String HOSTILE = "</script><img src=x onerror=alert(1)>&\"'\u0007";

  private static String body(String page) {
    return page.substring(page.indexOf("<body>"), page.indexOf("id=\"plots\""));
  }

  @Test
  void everyCellIsARowWithItsFigures() {
    String page = body(TlbPage.of(TlbPoints.manifest(), TlbPoints.grid()));
    assertThat(page.split("<tr", -1).length - 1).isEqualTo(2 + 24 + 2 * (1 + 3));
    assertThat(page)
        .contains("912,346", "304.1", "5 MiB", "modelled: fixed-latency", "gups-arm64", "c0ffee");
  }

  @Test
  void whatIfRowsAreMarkedAndOthersAreNot() {
    String page = body(TlbPage.of(TlbPoints.manifest(), TlbPoints.grid()));
    assertThat(page.split("<tr class=\"what-if\">", -1)).hasSize(1 + 6);
    assertThat(page).contains("mthp-64k+contpte *\nwhat-if", "583,901*");
    List<Map<String, Object>> real = new ArrayList<>(TlbPoints.grid());
    real.removeIf(point -> point.get("hypothetical").equals(true));
    assertThat(body(TlbPage.of(TlbPoints.manifest(), real))).doesNotContain("what-if", "*");
  }

  @Test
  void curvesShowWhereFootprintsDiffer() {
    assertThat(TlbPage.of(TlbPoints.manifest(), TlbPoints.grid()))
        .doesNotContain("over footprint<");
    String page = TlbPage.of(TlbPoints.manifest(), TlbPoints.footprints());
    assertThat(page).contains("over footprint<", "\"kind\":\"curve\"", "256 MiB");
  }

  @Test
  void oneCurveFigureForAllFootprints() {
    String page = TlbPage.of(TlbPoints.manifest(), TlbPoints.footprints());
    assertThat(page.split("\"kind\":\"curve\"", -1)).hasSize(2);
    assertThat(page.split("\"kind\":\"heat\"", -1)).hasSize(1 + 5);
  }

  /** A sweep's axis 'mib' that sets an argument of a guest. */
  @Test
  void guestsWithFootprintsInTheirArgumentsMakeOneCurve() {
    List<Map<String, Object>> points = new ArrayList<>();
    for (long mib : List.of(1L, 16L)) {
      Map<String, Object> axes = TlbPoints.axes("4k", "thp", "zen4");
      axes.put("arguments", "mib=" + mib);
      axes.put("mib", mib);
      points.add(TlbPoints.point(axes, 1000, false));
    }
    String page = TlbPage.of(Map.of(), points);
    assertThat(page.split("\"kind\":\"curve\"", -1)).hasSize(2);
    assertThat(page.substring(page.indexOf("id=\"plots\"")))
        .contains("\"footprints\":[1048576,16777216]");
  }

  @Test
  void textFromInputIsNeverMarkup() {
    Map<String, Object> manifest = TlbPoints.manifest();
    manifest.put("host", HOSTILE);
    manifest.put("config", Map.of("guest", HOSTILE, HOSTILE, HOSTILE));
    Map<String, Object> axes = TlbPoints.axes(HOSTILE, HOSTILE, HOSTILE);
    axes.put(HOSTILE, HOSTILE);
    Map<String, Object> point = TlbPoints.point(axes, 5, true);
    point.put("cost_model", HOSTILE);
    String page = TlbPage.of(manifest, List.of(point, TlbPoints.grid().getFirst()));
    String ours = page.substring(0, page.indexOf("<script>"));
    assertThat(ours.split("</script>", -1)).as("the end of the plots' data alone").hasSize(2);
    assertThat(ours).doesNotContain("<img", "\u0007");
    assertThat(body(page)).contains("&lt;/script&gt;&lt;img src=x onerror=alert(1)&gt;&amp;&quot;");
  }

  @Test
  void thePageIsAFunctionOfTheLines() {
    List<Map<String, Object>> read = new ArrayList<>();
    TlbPoints.grid().forEach(point -> read.add(JsonValues.object(JsonValues.text(point))));
    assertThat(TlbPage.of(JsonValues.object(JsonValues.text(TlbPoints.manifest())), read))
        .hasSizeLessThan(2 << 20)
        .matches(page -> page.equals(TlbPage.of(TlbPoints.manifest(), TlbPoints.grid())));
  }

  @Test
  void nothingIsFetched() {
    String page = TlbPage.of(TlbPoints.manifest(), TlbPoints.grid());
    assertThat(page.substring(0, page.indexOf("<script>")))
        .doesNotContain("<link", "src=", "@import", "url(", "//");
    assertThat(page.contains("sourceMappingURL")).isFalse();
  }

  @Test
  void figuresThatAreMissingShowAsSuch() {
    Map<String, Object> point =
        Map.of("axes", Map.of(), "figures", JsonValues.object("{\"l2_mpma\":null}"));
    assertThat(body(TlbPage.of(Map.of(), List.of(point)))).contains("–").doesNotContain("NaN");
  }

  @Test
  void linesWithoutTlbFiguresMakeNoPage() {
    assertThatThrownBy(() -> TlbPage.of(Map.of(), List.of(Map.of("figures", Map.of("copies", 1L)))))
        .isInstanceOf(IllegalArgumentException.class);
  }

  @ParameterizedTest
  @CsvSource({
    "vega, 8f6a3587cf8d4f42c7e08120e3eb05d067e746d554e39d2dcf52acc0bd5ba28f",
    "vega-lite, 83e215e84e308ee8688fa6503ba0f1cf8a3c05c0d61df2841a0b92bf86809e00",
    "vega-embed, b1455caba2fb1a72fb46025ba0ba1316e2dbc7f0dd40a3f6040172bf9c08ba91"
  })
  void librariesAreAsReleased(String name, String digest) throws Exception {
    try (InputStream file = TlbPage.class.getResourceAsStream("vega/" + name + ".min.js")) {
      byte[] sha256 = MessageDigest.getInstance("SHA-256").digest(file.readAllBytes());
      assertThat(HexFormat.of().formatHex(sha256)).isEqualTo(digest);
    }
  }
}
