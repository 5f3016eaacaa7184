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

class KvmReplayCommandTest {
  private static final String HEADER =
      "{\"kernel\":\"6.18.44\",\"arch\":\"x86_64\",\"page_size\":4096,\"cases\":[\n";
  private static final String VERSION =
      "{\"case\":\"%s\",%s\"ops\":[\"kvm\",\"ioctl kvm n 0 0 0\"],"
          + "\"observed\":[{\"ret\":0,\"errno\":0},{\"ret\":%d,\"errno\":0}]}";
  private static final String ATTRIBUTES =
      "{\"case\":\"attributes\",\"ops\":[\"kvm\",\"check_ext kvm 233\"],"
          + "\"observed\":[{\"ret\":0,\"errno\":0},{\"ret\":8,\"errno\":0}]}";

  private final CommandLineHarness quire = new CommandLineHarness();

  @TempDir Path folder;

  private String file(String... lines) throws IOException {
    return Files.writeString(
            folder.resolve("f.json"), HEADER + String.join(",\n", lines) + "\n]}\n")
        .toString();
  }

  @Test
  void casesOfTheirHostAloneNeitherPassNorFail() throws IOException {
    String file =
        file(
            VERSION.formatted("good", "", 12),
            VERSION.formatted("other", "\"backend_specific\":true,", 13));
    assertThat(quire.run("kvm", "replay", file)).isEqualTo(0);
    assertThat(quire.out()).isEqualTo(file + ": 1 passed, 0 failed, 1 of their host alone\n");
    assertThat(quire.run("kvm", "replay", file, "--case", "other")).isEqualTo(1);
  }

  @Test
  void aDifferenceIsToldAndEndsWith1() throws IOException {
    String file = file(VERSION.formatted("odd", "", 11));
    assertThat(quire.run("kvm", "replay", file, "--json", "-")).isEqualTo(1);
    List<Map<String, Object>> rows = quire.out().lines().map(JsonValues::object).toList();
    assertThat(rows)
        .extracting(row -> row.get("kind"))
        .containsExactly("manifest", "case", "summary");
    assertThat(rows.get(1)).containsEntry("case", "odd").containsEntry("outcome", "failed");
    assertThat(rows.get(2)).containsEntry("failed", 1L).containsEntry("backend", 0L);
  }

  @Test
  void whatCannotBeReadEndsWith2() throws IOException {
    String file = file(VERSION.formatted("bad", "", 12).replace("kvm n 0", "kvm x 0"));
    assertThat(quire.run("kvm", "replay", file)).isEqualTo(2);
    assertThat(quire.err())
        .isEqualTo(
            "quire kvm replay: "
                + file
                + ":2: case bad: op 1 'ioctl kvm x 0 0 0': 'x' is not one of n, r, w, rw\n");
    assertThat(quire.run("kvm", "replay", file, "--host-kernel", "linux-2.4")).isEqualTo(2);
  }

  @Test
  void theKernelIsChosen() throws IOException {
    String file = file(ATTRIBUTES);
    assertThat(quire.run("kvm", "replay", file)).isEqualTo(1);
    assertThat(quire.run("kvm", "replay", file, "--host-kernel", "linux-6.18+memory-attributes"))
        .isEqualTo(0);
  }
}
