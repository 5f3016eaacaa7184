package dev.quire.lab.sweep;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.quire.emulator.json.JsonValues;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Running, killing, resuming, sharding, merging; the program that is run is a shell script. */
class SweepRunTest {
  private static final String PAGES = "1, 2, 3, 4, 5, 6, 7, 8, 9, 10";

  @TempDir Path folder;
  private FakeQuire quire;
  private Path out;

  @BeforeEach
  void prepare() throws IOException {
    quire = new FakeQuire(folder);
    out = folder.resolve("out.jsonl");
  }

  private static List<Map<String, Object>> lines(String text) {
    return text.lines().map(JsonValues::object).toList();
  }

  @Test
  void everyCellHasItsLinesInTheOrderOfTheGrid() throws IOException {
    List<Map<String, Object>> lines = lines(quire.run(FakeQuire.spec("3, 2"), out, Shard.WHOLE));
    assertThat(lines).hasSize(1 + 4 * 2);
    assertThat(lines.get(0)).containsEntry("kind", "manifest").containsEntry("version", "1");
    assertThat(lines.get(1))
        .containsEntry("kind", "point")
        .containsEntry("figures", Map.of("square", 9L))
        .containsEntry("axes", Map.of("pages", 3L, "host_pages", "4k"))
        .containsEntry("cell", lines.get(2).get("id"));
    assertThat(lines.get(2))
        .containsEntry("kind", "cell")
        .containsEntry("index", 0L)
        .containsEntry("exit_code", 0L);
    assertThat(lines.get(7)).containsEntry("axes", Map.of("pages", 2L, "host_pages", "thp"));
    assertThat(quire.ran()).containsExactlyInAnyOrder("3 4k", "3 thp", "2 4k", "2 thp");
  }

  @Test
  void idsStayWhenTheGridGrows() {
    SweepCell before = FakeQuire.spec("7").cells(1).get(1);
    SweepCell after = FakeQuire.spec("5, 6, 7").cells(1).get(5);
    assertThat(after.id()).isEqualTo(before.id());
    assertThat(after.command()).isEqualTo(before.command());
    assertThat(FakeQuire.spec("7").cells(2).get(1).id()).isNotEqualTo(before.id());
  }

  @Test
  void killedInTheMiddleItGoesOnWithoutRepeatingOrLosingACell() throws Exception {
    String whole = quire.run(FakeQuire.spec(PAGES), folder.resolve("whole.jsonl"), Shard.WHOLE);
    quire.setHanging(true); // so that it cannot come to its end before it is killed
    Process victim =
        new ProcessBuilder(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-XX:+UseSerialGC",
                "-cp",
                System.getProperty("java.class.path"),
                SweepVictim.class.getName(),
                folder.toString(),
                PAGES,
                out.toString())
            .redirectOutput(ProcessBuilder.Redirect.DISCARD)
            .redirectError(ProcessBuilder.Redirect.INHERIT)
            .start();
    try {
      while (victim.isAlive() && done().size() < 4) {
        Thread.sleep(2);
      }
      assertThat(victim.isAlive()).isTrue();
    } finally {
      List<ProcessHandle> children = victim.descendants().toList();
      victim.destroyForcibly().waitFor();
      children.forEach(ProcessHandle::destroyForcibly);
    }
    quire.setHanging(false);
    List<String> before = done();
    // What a kill in the middle of a write leaves.
    Files.writeString(out, "{\"kind\":\"point\",\"axes\":{\"pa", StandardOpenOption.APPEND);
    quire = new FakeQuire(folder);
    String resumed = quire.run(FakeQuire.spec(PAGES), out, Shard.WHOLE);
    assertThat(resumed).isEqualTo(whole);
    assertThat(quire.ran()).doesNotContainAnyElementsOf(before).doesNotHaveDuplicates();
    assertThat(quire.ran()).hasSize(20 - before.size());
  }

  /** Cells with a result in the file. */
  private List<String> done() throws IOException {
    List<String> done = new ArrayList<>();
    if (Files.exists(out)) {
      ResultsText text = ResultsText.read("out", Files.readAllBytes(out));
      for (CellResult cell : text.cells().values()) {
        Map<?, ?> axes = (Map<?, ?>) lines(cell.text()).getLast().get("axes");
        done.add(axes.get("pages") + " " + axes.get("host_pages"));
      }
    }
    return done;
  }

  @Test
  void cutAnywhereItIsMadeWholeAgain() throws IOException {
    SweepSpec spec = FakeQuire.spec("2, 3");
    String whole = quire.run(spec, out, Shard.WHOLE);
    byte[] content = Files.readAllBytes(out);
    int runs = 0;
    for (int length = content.length - 1; length >= 0; length -= 97) {
      Files.write(out, java.util.Arrays.copyOf(content, length));
      quire = new FakeQuire(folder);
      assertThat(quire.run(spec, out, Shard.WHOLE)).as("cut at " + length).isEqualTo(whole);
      runs += quire.ran().size();
    }
    assertThat(runs).isPositive();
  }

  @Test
  void aFinishedSweepRunsNothing() throws IOException {
    String first = quire.run(FakeQuire.spec("2, 3"), out, Shard.WHOLE);
    quire = new FakeQuire(folder);
    assertThat(quire.run(FakeQuire.spec("2, 3"), out, Shard.WHOLE)).isEqualTo(first);
    assertThat(quire.ran()).isEmpty();
  }

  @Test
  void failuresAreRecordedAndRunAgainOnlyWhenAsked() throws IOException {
    SweepSpec spec = FakeQuire.spec("13, 14, 2");
    List<Map<String, Object>> lines = lines(quire.run(spec, out, Shard.WHOLE));
    assertThat(lines.get(1))
        .containsEntry("exit_code", 7L)
        .containsEntry("error", "bad luck")
        .containsEntry("lines", 0L);
    assertThat(lines.get(3)).containsEntry("exit_code", 1L);
    assertThat((String) lines.get(3).get("error")).startsWith("a line of its results is not JSON");
    try (SweepResults results = SweepResults.open(out, FakeQuire.manifest(spec), false)) {
      assertThat(results.failures()).isEqualTo(4);
      assertThat(spec.cells(1)).allMatch(results::has);
    }
    try (SweepResults results = SweepResults.open(out, FakeQuire.manifest(spec), true)) {
      assertThat(results.failures()).isZero();
      assertThat(spec.cells(1).stream().filter(results::has)).hasSize(2);
    }
  }

  @Test
  void aCellThatHangsEndsAtItsTimeout() throws IOException {
    SweepSpec spec =
        SweepSpec.read(
            "s.yaml",
            "command: tlb\ntimeout-seconds: 1\naxes: {pages: [15]}\n",
            FakeQuire.COMMANDS);
    assertThat(lines(quire.run(spec, out, Shard.WHOLE)).get(1))
        .containsEntry("exit_code", 124L)
        .containsEntry("error", "timeout-seconds ran out");
  }

  @Test
  void stoppingRecordsNothingOfCellsUnderWay() throws IOException {
    SweepSpec spec = FakeQuire.spec("2, 15, 3");
    AtomicReference<SweepRunner> runner = new AtomicReference<>();
    try (SweepResults results = SweepResults.open(out, FakeQuire.manifest(spec), false)) {
      runner.set(
          new SweepRunner(
              quire.prefix(),
              0,
              (cell, exit) -> {
                if (cell.index() == 1) {
                  runner.get().stop();
                }
              }));
      assertThat(runner.get().run(spec.cells(1), results, 1)).isFalse();
    }
    assertThat(done()).containsExactly("2 4k", "2 thp");
  }

  @Test
  void aSignalToTheWholeGroupIsNoResultOfACell() throws IOException {
    SweepSpec spec = FakeQuire.spec("2, 16");
    try (SweepResults results = SweepResults.open(out, FakeQuire.manifest(spec), false)) {
      SweepRunner runner = new SweepRunner(quire.prefix(), 0, (cell, exit) -> {});
      assertThat(runner.run(spec.cells(1), results, 1)).isFalse();
    }
    assertThat(done()).containsExactly("2 4k", "2 thp");
  }

  @Test
  void shardsMergeToWhatOneRunMakes() throws IOException {
    SweepSpec spec = FakeQuire.spec("1, 2, 3, 13");
    String whole = quire.run(spec, out, Shard.WHOLE);
    List<Path> shards = new ArrayList<>();
    for (int i = 2; i >= 0; i--) {
      shards.add(folder.resolve("shard" + i));
      quire.run(spec, shards.getLast(), new Shard(i, 3));
    }
    SweepMerge merged = SweepMerge.of(shards);
    assertThat(FakeQuire.withoutWallClock(merged.text())).isEqualTo(whole);
    assertThat(merged.cells()).isEqualTo(8);
    assertThat(merged.missing()).isZero();
    assertThat(merged.failures()).isEqualTo(2);
    shards.add(out);
    assertThat(SweepMerge.of(shards).cells()).as("the same again").isEqualTo(8);
    assertThat(SweepMerge.of(shards.subList(0, 2)).missing()).isEqualTo(3);
  }

  /** Whoever forgets to name the output names a shard there. */
  @Test
  void aMergeOverwritesNothingItDoesNotHave() throws IOException {
    SweepSpec spec = FakeQuire.spec("1, 2");
    Path zero = folder.resolve("shard0");
    Path one = folder.resolve("shard1");
    quire.run(spec, zero, new Shard(0, 2));
    quire.run(spec, one, new Shard(1, 2));
    assertThatThrownBy(() -> SweepMerge.of(List.of(one)).requireNothingLost(zero))
        .isInstanceOf(BadSweepException.class)
        .hasMessage(
            zero
                + ": has 2 cells that no input has; the first file is the output: name one that"
                + " is not there yet");
    Path text = Files.writeString(folder.resolve("grid.yaml"), "command: tlb\n");
    assertThatThrownBy(() -> SweepMerge.of(List.of(one)).requireNothingLost(text))
        .isInstanceOf(BadSweepException.class)
        .hasMessageContaining("no results of a sweep")
        .hasMessageEndingWith("name one that is not there yet");
    SweepMerge both = SweepMerge.of(List.of(zero, one));
    both.requireNothingLost(zero);
    both.requireNothingLost(folder.resolve("new"));
    both.requireNothingLost(Files.createFile(folder.resolve("empty")));
  }

  @Test
  void whatDoesNotBelongTogetherIsNotMerged() throws IOException {
    quire.run(FakeQuire.spec("1"), out, Shard.WHOLE);
    Path other = folder.resolve("other");
    quire.run(FakeQuire.spec("2"), other, Shard.WHOLE);
    assertThatThrownBy(() -> SweepMerge.of(List.of(out, other)))
        .isInstanceOf(BadSweepException.class)
        .hasMessageContaining("not of the same sweep");
    Files.writeString(other, Files.readString(out).replace("\"square\":1", "\"square\":2"));
    assertThatThrownBy(() -> SweepMerge.of(List.of(out, other)))
        .isInstanceOf(BadSweepException.class)
        .hasMessageContaining("differs");
  }

  @Test
  void resultsOfSomethingElseAreLeftAlone() throws IOException {
    SweepSpec spec = FakeQuire.spec("1");
    for (String text : List.of("my notes", "my\nnotes\n", "{\"kind\":\"point\"}\n", "{")) {
      Files.writeString(out, text);
      if (text.equals("{")) {
        continue; // the beginning of a manifest: it is begun anew
      }
      assertThatThrownBy(() -> SweepResults.open(out, FakeQuire.manifest(spec), false))
          .isInstanceOf(BadSweepException.class)
          .hasMessageContaining("line 1: no results of a sweep");
      assertThat(Files.readString(out)).isEqualTo(text);
    }
    Files.delete(out);
    quire.run(spec, out, Shard.WHOLE);
    String text = Files.readString(out);
    assertThatThrownBy(() -> quire.run(FakeQuire.spec("2"), out, Shard.WHOLE))
        .isInstanceOf(BadSweepException.class)
        .hasMessageContaining("another spec");
    Map<String, Object> newer = FakeQuire.manifest(spec);
    newer.put("commit", "decade");
    assertThatThrownBy(() -> SweepResults.open(out, newer, false))
        .isInstanceOf(BadSweepException.class)
        .hasMessageContaining("another commit (\"c0ffee\", this is \"decade\")");
    assertThat(Files.readString(out)).isEqualTo(text);
  }

  @Test
  void damageInTheMiddleIsToldWithItsLine() throws IOException {
    SweepSpec spec = FakeQuire.spec("1");
    quire.run(spec, out, Shard.WHOLE);
    List<String> lines = Files.readAllLines(out);
    lines.set(1, "{\"kind\":");
    Files.write(out, lines);
    assertThatThrownBy(() -> SweepResults.open(out, FakeQuire.manifest(spec), false))
        .hasMessageContaining("line 2: not JSON");
    lines.remove(1);
    Files.write(out, lines);
    assertThatThrownBy(() -> SweepResults.open(out, FakeQuire.manifest(spec), false))
        .hasMessageContaining("line 2: cell")
        .hasMessageContaining("lacks lines");
  }

  @Test
  void oneSweepAtATimeWritesAFile() throws IOException {
    SweepSpec spec = FakeQuire.spec("1");
    try (SweepResults results = SweepResults.open(out, FakeQuire.manifest(spec), false)) {
      assertThat(results.failures()).isZero();
      assertThatThrownBy(() -> SweepResults.open(out, FakeQuire.manifest(spec), false))
          .isInstanceOf(BadSweepException.class)
          .hasMessageContaining("another sweep writes to it");
    }
  }
}
