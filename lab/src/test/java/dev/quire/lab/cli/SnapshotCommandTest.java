package dev.quire.lab.cli;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.quire.emulator.snapshot.Snapshot;
import dev.quire.emulator.snapshot.SnapshotReader;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class SnapshotCommandTest {
  private final CommandLineHarness quire = new CommandLineHarness();

  @TempDir Path folder;

  private String out() {
    return folder.resolve("s").toString();
  }

  private List<JsonNode> lines() throws IOException {
    List<JsonNode> lines = new ArrayList<>();
    for (String line : quire.out().lines().toList()) {
      lines.add(new ObjectMapper().readTree(line));
    }
    return lines;
  }

  @ParameterizedTest
  @ValueSource(strings = {"nonce-x86_64", "nonce-arm64"})
  void shareOfTheRunIsTakenAfterAWholeRun(String guest) throws IOException {
    String[] line = {
      "snapshot", guest, "--at", "25%", "--out", out(), "--memory", "4M", "--json", "-", "--quiet"
    };
    assertThat(quire.run(line)).isEqualTo(ExitCode.DONE);
    List<JsonNode> lines = lines();
    assertThat(lines.getFirst().get("kind").asText()).isEqualTo("manifest");
    assertThat(lines.getLast().get("kind").asText()).isEqualTo("summary");
    JsonNode row = lines.get(lines.size() - 2);
    JsonNode end = row.get("expected");
    assertThat(row.get("kind").asText()).isEqualTo("snapshot");
    assertThat(row.get("instructions").asLong()).isEqualTo(end.get("instructions").asLong() / 4);
    assertThat(end.get("status").asText()).isEqualTo("pass");
    Snapshot snapshot = SnapshotReader.open(folder.resolve("s"));
    assertThat(snapshot.identity()).isEqualTo(row.get("identity").asText());
    assertThat(snapshot.memory().pages()).isEqualTo(row.get("pages").asLong());
    assertThat(snapshot.description().guest()).isEqualTo(guest);
  }

  @Test
  void diffNeedsTheSameGuestAndALaterPoint() {
    String base = folder.resolve("base").toString();
    String[] first = {"snapshot", "nonce-x86_64", "--at", "marker:tick", "--out", base, "--quiet"};
    assertThat(quire.run(first)).isEqualTo(ExitCode.DONE);
    String[] diff = {
      "snapshot", "nonce-x86_64", "--at", "insn:400000", "--base", base, "--out", out()
    };
    assertThat(quire.run(diff)).as(quire.err()).isEqualTo(ExitCode.DONE);
    assertThat(quire.err()).contains("400,000 instructions").contains("since " + base);
    String[] other = diff.clone();
    other[1] = "hello-x86_64";
    assertThat(quire.run(other)).isEqualTo(ExitCode.USAGE);
    assertThat(quire.err()).contains("give the same guest");
    String[] earlier = diff.clone();
    earlier[3] = "insn:1";
    assertThat(quire.run(earlier)).isEqualTo(ExitCode.USAGE);
    assertThat(quire.err()).contains("before --base");
  }

  @ParameterizedTest
  @ValueSource(
      strings = {"", "40", "100%", "-1%", "1e1%", "insn:", "insn:-4", "insn:x", "marker:", "50%x"})
  void pointsThatAreNone(String point) {
    int code = quire.run("snapshot", "hello-x86_64", "--at", point, "--out", out());
    assertThat(code).isEqualTo(ExitCode.USAGE);
    assertThat(quire.err()).contains("legal are").hasLineCount(1);
    assertThat(folder.resolve("s")).doesNotExist();
  }

  @Test
  void pointsThatTheGuestNeverReaches() {
    assertThat(quire.run("snapshot", "hello-arm64", "--at", "marker:no", "--out", out(), "--quiet"))
        .isEqualTo(ExitCode.FAILED);
    assertThat(quire.err()).contains("ended (pass").contains("before --at marker:no");
    String[] endless = {
      "snapshot", "spin-x86_64", "--at", "10%", "--out", out(), "--max-instructions", "100000"
    };
    assertThat(quire.run(endless)).isEqualTo(ExitCode.LIMIT);
    assertThat(quire.err()).contains("give --at insn:N or marker:NAME");
    assertThat(folder.resolve("s")).doesNotExist();
  }

  @Test
  void folderThatCannotBeMadeIsRefusedBeforeTheGuestRuns() throws IOException {
    Files.writeString(folder.resolve("file"), "mine");
    String inFile = folder.resolve("file/s").toString();
    assertThat(quire.run("snapshot", "hello-x86_64", "--at", "50%", "--out", inFile))
        .isEqualTo(ExitCode.USAGE);
    assertThat(quire.err()).contains("file is no folder").hasLineCount(1);
    assertThat(quire.out()).isEmpty();
  }

  @Test
  void directoryOfOtherThingsIsLeftAlone() throws IOException {
    Files.createDirectory(folder.resolve("s"));
    Files.writeString(folder.resolve("s/notes"), "mine");
    assertThat(quire.run("snapshot", "hello-x86_64", "--at", "insn:5", "--out", out()))
        .isEqualTo(ExitCode.USAGE);
    assertThat(quire.err()).contains("holds 'notes'").hasLineCount(1);
    assertThat(quire.out()).as("refused before the guest ran").isEmpty();
    assertThat(folder.resolve("s/notes")).hasContent("mine");
  }
}
