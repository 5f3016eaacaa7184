package dev.quire.lab.cli;

import static org.assertj.core.api.Assertions.assertThat;

import dev.quire.emulator.json.JsonValues;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The command line of sweeps; cells are real processes of this program. */
class SweepCommandTest {
  private final CommandLineHarness quire = new CommandLineHarness();

  @TempDir Path folder;
  private Path spec;
  private Path out;

  @BeforeEach
  void prepare() throws IOException {
    out = folder.resolve("out.jsonl");
    spec =
        Files.writeString(
            folder.resolve("grid.yaml"),
            """
            command: tlb
            options:
              stream: "chase:bytes=64K,count=1k"
              tlb: [skylake-sp, zen4]
            axes:
              host-pages: [4k, nonsense]
            """);
  }

  private List<Map<String, Object>> results() throws IOException {
    return Files.readString(out).lines().map(JsonValues::object).toList();
  }

  @Test
  void cellsRunAndAFailureIsExitCodeOne() throws IOException {
    Path report = folder.resolve("r.html");
    int exitCode =
        quire.run("sweep", spec + "", "--out", out + "", "--report", report + "", "--json", "-");
    assertThat(quire.err())
        .contains("failed with exit code 2: quire tlb: ", "2 cells, 0 of them there before");
    assertThat(exitCode).isEqualTo(ExitCode.FAILED);
    List<Map<String, Object>> lines = results();
    assertThat(lines)
        .extracting(line -> line.get("kind"))
        .containsExactly("manifest", "point", "point", "cell", "cell");
    assertThat(lines.get(1).get("axes").toString()).contains("tlb=skylake-sp", "host_pages=4k");
    assertThat(lines.get(4)).containsEntry("exit_code", 2L);
    assertThat(lines.get(4).get("error").toString()).contains("nonsense");
    assertThat(quire.out()).isEqualTo(Files.readString(out));
    assertThat(Files.readString(report)).contains("skylake-sp", "zen4", "<h1>TLB pressure");

    exitCode = quire.run("sweep", spec + "", "--out", out + "");
    assertThat(exitCode).isEqualTo(ExitCode.FAILED);
    assertThat(quire.err()).contains("2 cells, 2 of them there before, 1 failed");

    Path merged = folder.resolve("merged.jsonl");
    exitCode = quire.run("sweep", "merge", merged + "", out + "", "--json=-");
    assertThat(exitCode).isEqualTo(ExitCode.FAILED);
    assertThat(Files.readString(merged)).isEqualTo(Files.readString(out)).isEqualTo(quire.out());
  }

  private void refused(String expected, String... args) {
    assertThat(quire.run(args)).as(quire.err()).isEqualTo(ExitCode.USAGE);
    assertThat(quire.err().strip()).contains(expected).doesNotContain("\n");
  }

  @Test
  void mistakesAreOneLineAndExitCodeTwo() throws IOException {
    refused("SPEC.yaml is missing", "sweep");
    refused("/no/such.yaml: no such file", "sweep", "/no/such.yaml");
    refused("is a directory", "sweep", folder.toString());
    refused("--jobs 0 is out of range", "sweep", spec + "", "--jobs", "0");
    refused("--shard '2/2' is not I/N", "sweep", spec + "", "--shard", "2/2");
    refused("there is no folder", "sweep", spec + "", "--report", "/no/such/folder/r.html");
    refused(
        "cannot write --out /no/such/folder/out: there is no folder",
        "sweep",
        spec + "",
        "--out",
        "/no/such/folder/out");
    refused("no such file", "sweep", "merge", out + "", folder.resolve("in") + "");
    refused("there is no folder /no/such", "sweep", "merge", "/no/such/out", out + "");
    refused("it is a folder", "sweep", "merge", folder + "", out + "");
    Files.writeString(spec, "command: tlb\naxes: {host-page: [4k]}\n");
    refused("line 2: 'tlb' has no option 'host-page'", "sweep", spec + "", "--out", out + "");
    Files.writeString(spec, "command: boot\naxes: {memory: [64M]}\n");
    refused("only sweeps of 'tlb'", "sweep", spec + "", "--report", folder + "/r.html");
    assertThat(out).doesNotExist();
  }
}
