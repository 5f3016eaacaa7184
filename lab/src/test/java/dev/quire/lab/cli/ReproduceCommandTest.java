package dev.quire.lab.cli;

import static org.assertj.core.api.Assertions.assertThat;

import dev.quire.emulator.json.JsonValues;
import dev.quire.lab.reproduce.Published;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** {@code quire reproduce}, on the quickest experiment. */
class ReproduceCommandTest {
  private static final String QUICK = "guest-memfd-population";

  @TempDir Path folder;
  private final CommandLineHarness quire = new CommandLineHarness();

  @Test
  void rowsSummaryAndPage() throws Exception {
    Path page = folder.resolve("page.html");
    assertThat(quire.run("reproduce", QUICK, "--json", "-", "--report", page.toString())).isZero();
    List<Map<String, Object>> rows = new ArrayList<>();
    List<Map<String, Object>> lines = quire.out().lines().map(JsonValues::object).toList();
    for (Map<String, Object> line : lines) {
      if (line.get("kind").equals("row")) {
        assertThat(line)
            .containsKeys("experiment", "name", "unit", "published", "modelled", "error")
            .containsKeys("basis", "source");
        rows.add(line);
      }
    }
    assertThat(lines.getFirst()).containsEntry("kind", "manifest");
    assertThat(lines.getLast()).containsEntry("kind", "summary").containsEntry("experiment", QUICK);
    assertThat(rows).extracting(row -> row.get("basis")).contains("fitted", "predicted", "counted");
    Map<String, Object> firecracker =
        rows.stream().filter(row -> row.get("name").equals("firecracker/after")).findFirst().get();
    assertThat(firecracker)
        .containsEntry("published", 904.0)
        .containsEntry("unit", "ms")
        .containsEntry("basis", "predicted");
    String html = Files.readString(page);
    assertThat(html).contains("<td>firecracker/after</td>", "904.00 ms", "\"kind\":\"pairs\"");
    assertThat(html).contains("<td>uffdio-copy/after/selftest</td>");
    assertThat(html).doesNotContain("src=\"http", "href=\"http");
  }

  @Test
  void theTableIsForAPerson() {
    assertThat(quire.run("reproduce", QUICK)).isZero();
    assertThat(quire.out())
        .contains("selftest/before", "708.0 ms", "mean absolute error, predicted", "furthest off");
  }

  @Test
  void helpNamesEveryExperiment() {
    assertThat(quire.run("reproduce", "--help")).isZero();
    String help = quire.out().replaceAll("\\s+", " ");
    assertThat(Published.names()).allSatisfy(name -> assertThat(help).contains(name));
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "rmp | unknown experiment 'rmp', did you mean rmap?",
        "--fit vax | unknown machine 'vax': --fit fits icelake, x86-2025-03, x86-2025-09,"
            + " epyc-7b13",
        "--fit-to . | --fit-to needs --fit",
        "--fit --fit-to nowhere/at/all | there is no such folder",
        "--fit --report x.html | --fit writes no report"
      })
  void mistakes(String arguments, String message) {
    List<String> line = new ArrayList<>(List.of("reproduce"));
    line.addAll(List.of(arguments.split(" ")));
    assertThat(quire.run(line.toArray(String[]::new))).isEqualTo(ExitCode.USAGE);
    assertThat(quire.err()).contains(message).hasLineCount(1);
  }
}
