package dev.quire.lab.cli;

import static org.assertj.core.api.Assertions.assertThat;

import dev.quire.emulator.json.JsonValues;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class MmReplayCommandTest {
  private static final String HEADER =
      "{\"kernel\":\"6.18.44\",\"arch\":\"x86_64\",\"page_size\":4096,\"cases\":[\n";
  private static final String NOTHING =
      "{\"ret\":0,\"errno\":0,\"minflt\":0,\"majflt\":0,\"thp\":{},\"vmstat\":{},\"pfn_same\":0,"
          + "\"pfn_changed\":0,\"newly_present\":0,\"gone\":0,\"segs\":[],\"vmas\":[]}";

  private final CommandLineHarness quire = new CommandLineHarness();

  @TempDir Path folder;

  private static String line(String name, String op, String observed) {
    return "{\"case\":\"%s\",\"config\":{},\"ops\":[\"%s\"],\"observed\":[%s]}"
        .formatted(name, op, observed);
  }

  private String file(String... lines) throws IOException {
    return Files.writeString(
            folder.resolve("f.json"), HEADER + String.join(",\n", lines) + "\n]}\n")
        .toString();
  }

  private List<Map<String, Object>> json() {
    return quire.out().lines().map(JsonValues::object).toList();
  }

  @Test
  void aFileThatAgrees() throws IOException {
    String file = file(line("a", "state", NOTHING), line("b", "state", NOTHING));
    assertThat(quire.run("mm", "replay", file)).isEqualTo(0);
    assertThat(quire.out()).isEqualTo(file + ": 2 passed, 0 failed\n");
    assertThat(quire.err()).isEmpty();
  }

  @Test
  void aDifferenceIsToldAndEndsWith1() throws IOException {
    String file =
        file(
            line("good", "state", NOTHING),
            line("odd", "state", NOTHING.replace("\"gone\":0", "\"gone\":3")));
    assertThat(quire.run("mm", "replay", file)).isEqualTo(1);
    assertThat(quire.out())
        .isEqualTo(
            "failed odd\n  op 0 'state': gone: expected 3, got 0\n"
                + file
                + ": 1 passed, 1 failed\n");
  }

  @Test
  void jsonLines() throws IOException {
    String file =
        file(
            line("good", "state", NOTHING),
            line("odd", "state", NOTHING.replace("\"gone\":0", "\"gone\":3")));
    assertThat(quire.run("mm", "replay", file, "--json", "-")).isEqualTo(1);
    assertThat(json())
        .extracting(row -> row.get("kind"))
        .containsExactly("manifest", "case", "case", "summary");
    assertThat(json().get(1))
        .containsEntry("file", file)
        .containsEntry("case", "good")
        .containsEntry("passed", true)
        .containsEntry("diff", List.of());
    assertThat(json().get(2)).containsEntry("case", "odd").containsEntry("passed", false);
    assertThat(JsonValues.text(json().get(2).get("diff")))
        .isEqualTo(
            "[{\"op\":0,\"text\":\"state\",\"field\":\"gone\",\"expected\":\"3\",\"got\":\"0\"}]");
    assertThat(json().get(3)).containsEntry("passed", 1L).containsEntry("failed", 1L);
  }

  @Test
  void badCasesEndWith2AndTheOthersAreStillTried() throws IOException {
    String file =
        file(
            line("worse", "map 0 99999999999999 rw", NOTHING),
            line("none", "mapp 0 4 rw", NOTHING),
            line("good", "state", NOTHING));
    assertThat(quire.run("mm", "replay", file)).isEqualTo(2);
    assertThat(quire.err())
        .isEqualTo(
            "quire mm replay: "
                + file
                + ":2: case worse: op 0 'map 0 99999999999999 rw': a length 99999999999999 is out"
                + " of range: 0 to 16777216\n"
                + "quire mm replay: "
                + file
                + ":3: case none: op 0 'mapp 0 4 rw': unknown operation 'mapp'\n");
    assertThat(quire.out()).isEqualTo(file + ": 1 passed, 0 failed, 2 unusable\n");

    assertThat(quire.run("mm", "replay", file, "--json", "-")).isEqualTo(2);
    assertThat(json().get(1)).containsEntry("case", "worse").containsEntry("passed", false);
  }

  @Test
  void aBadFileEndsWith2AndTheOthersAreStillTried() throws IOException {
    String file = file(line("good", "state", NOTHING));
    Path cut = folder.resolve("cut.json");
    Files.writeString(cut, HEADER + line("good", "state", NOTHING) + ",\n{\"case\":\"b\",\"ops");
    assertThat(quire.run("mm", "replay", cut.toString(), file)).isEqualTo(2);
    assertThat(quire.err())
        .startsWith("quire mm replay: " + cut + ":3: not JSON: ")
        .hasLineCount(1);
    assertThat(quire.out())
        .isEqualTo(cut + ": 1 passed, 0 failed, 1 unusable\n" + file + ": 1 passed, 0 failed\n");
    assertThat(quire.run("mm", "replay", folder.toString())).isEqualTo(2);
    assertThat(quire.run("mm", "replay", "/no/such.json")).isEqualTo(2);
    assertThat(quire.err()).isEqualTo("quire mm replay: /no/such.json: no such file\n");
  }

  @Test
  void whatIsNotRunDoesNotPass() throws IOException {
    String file =
        file(
            line("later", "fcntl 1030 0", "{\"ret\":0,\"errno\":0}").replace("\"config\":{},", ""));
    assertThat(quire.run("mm", "replay", file)).isEqualTo(1);
    assertThat(quire.out())
        .contains("unsupported later: op 0 'fcntl 1030 0': this version does not run 'fcntl 1030'")
        .contains("0 passed, 0 failed, 1 not supported");
    String unstable =
        file(line("shaky", "state", NOTHING).replace("\"config\"", "\"stable\":false,\"config\""));
    assertThat(quire.run("mm", "replay", unstable)).isEqualTo(1);
    assertThat(quire.out()).contains("skipped shaky").contains("0 passed, 0 failed, 1 skipped");
  }

  @Test
  void casesAreChosenByName() throws IOException {
    String file =
        file(
            line("one_16", "state", NOTHING),
            line("one_64", "state", NOTHING.replace("\"gone\":0", "\"gone\":3")));
    assertThat(quire.run("mm", "replay", "--case", "*_16", file)).isEqualTo(0);
    assertThat(quire.run("mm", "replay", "--case", "one_*", file)).isEqualTo(1);
    assertThat(quire.run("mm", "replay", "--case", "two*", file)).isEqualTo(2);
    assertThat(quire.err()).contains("has no case 'two*'").hasLineCount(1);
    assertThat(quire.run("mm", "replay", "--case", "[", file)).isEqualTo(2);
    assertThat(quire.err()).contains("has no case '['").hasLineCount(1);
    assertThat(quire.run("mm", "replay", "--case", "one_1?", file)).isEqualTo(0);
  }

  @Test
  void mistakesOnTheCommandLine() {
    assertThat(quire.run("mm")).isEqualTo(2);
    assertThat(quire.err()).contains("mm replay FILE").hasLineCount(1);
    assertThat(quire.run("mm", "replay")).isEqualTo(2);
    assertThat(quire.err()).contains("FILE").hasLineCount(1);
    assertThat(quire.run("mm", "--help")).isEqualTo(0);
    assertThat(quire.run("mm", "replay", "--help")).isEqualTo(0);
  }
}
