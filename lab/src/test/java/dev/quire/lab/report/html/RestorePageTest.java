package dev.quire.lab.report.html;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

class RestorePageTest {
  private final String page =
      RestorePage.of(RestorePoints.manifest(), RestorePoints.points(), RestorePoints.timelines());

  @Test
  void theTableHasEveryRestoreWithTheBasisOfItsFigures() {
    String table = page.substring(page.indexOf("<table"), page.indexOf("</table>"));
    assertThat(table)
        .contains("eager-memcpy on gmem", "uffd-copy on 4k", "demand on 4k")
        .contains("16,384", "276", "21.500", "1.250", "31.0")
        .contains("as expected", "DIFFERS", "01234567")
        .contains("counted", "modelled: x86-2025-03", "wall clock");
  }

  @Test
  void whatLinuxDoesNotBuildIsMarked() {
    Map<String, Object> axes = RestorePoints.axes("demand", "mthp-64k+contpte");
    Map<String, Object> point = RestorePoints.point(axes, 3, true);
    Map<String, Object> timeline = RestorePoints.timeline(axes, "demand");
    point.put("hypothetical", true);
    assertThat(RestorePage.of(Map.of(), List.of(point), List.of(timeline)))
        .contains("<tr class=\"what-if\">")
        .contains("<figcaption>demand on mthp-64k+contpte*</figcaption>")
        .contains("contiguous bit, which Linux");
    assertThat(page).doesNotContain("<tr class=\"what-if\">", "contiguous bit, which Linux");
  }

  @Test
  void theHeadingSaysWhatWasRestored() {
    String heading = page.substring(page.indexOf("<header>"), page.indexOf("</header>"));
    assertThat(heading).contains("gups-x86_64", "64 MiB", "0.1.0");
  }

  @Test
  void everyRestoreHasBothPlots() {
    // One figure of latencies, then two plots a restore.
    assertThat(page.split("class=\"plot wide\"", -1)).hasSize(1 + 1 + 2 * 3);
  }

  /** Its mark would stand outside the picture. */
  @Test
  void theTimeReachesToTheEndOfTheRestore() {
    assertThat(page).contains("\"restored\":21.5,\"end\":21.5");
  }

  @Test
  void itNeedsNothingElse() {
    String own = page.substring(0, page.indexOf("<script>"));
    assertThat(own).doesNotContain("http:", "https:", "src=", "@import");
  }

  @Test
  void noRestoreIsNoPage() {
    assertThatThrownBy(() -> RestorePage.of(Map.of(), List.of(), List.of()))
        .hasMessageContaining("no result line");
  }
}
