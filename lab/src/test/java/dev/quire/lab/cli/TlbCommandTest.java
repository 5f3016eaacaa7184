package dev.quire.lab.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.net.URISyntaxException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class TlbCommandTest {
  private final CommandLineHarness quire = new CommandLineHarness();

  @TempDir Path folder;

  @Test
  void theCrossProductIsATableWithARowEach() {
    assertThat(
            quire.run(
                "tlb",
                "--stream=chase:bytes=4M,count=4096",
                "--guest-pages=64k-cont,2m",
                "--host-pages=4k,mthp-64k+contpte",
                "--tlb=ampere-altra,zen4"))
        .isZero();
    List<String> rows = quire.out().lines().toList();
    assertThat(rows.getFirst())
        .startsWith("guest-pages  host-pages")
        .contains("L1 mpki", "L2 miss/M", "refs/walk", "walk cycles", "reach");
    assertThat(rows.subList(1, 9))
        .allMatch(row -> row.contains(" 4,096 "))
        .filteredOn(row -> row.contains("mthp-64k+contpte* "))
        .hasSize(4);
    assertThat(quire.out())
        .contains("cost model linear-l2")
        .contains("* hypothetical: a second stage with the contiguous bit");
  }

  @Test
  void nothingIsMarkedHypotheticalThatIsReal() {
    assertThat(
            quire.run(
                "tlb", "--stream=chase:pages=64,count=99", "--host-pages=mthp-64k+aggregation"))
        .isZero();
    assertThat(quire.out()).doesNotContain("hypothetical", "*");
  }

  @Test
  void theReportHoldsWhatTheTableHolds() throws IOException {
    Path report = folder.resolve("r.html");
    assertThat(
            quire.run(
                "tlb",
                "--stream=chase:bytes=4M,count=4096",
                "--guest-pages=64k-cont",
                "--host-pages=4k,mthp-64k,mthp-64k+contpte",
                "--tlb=ampere-altra",
                "--report=" + report))
        .isZero();
    String page = Files.readString(report);
    assertThat(page.substring(0, page.indexOf("<script>")))
        .contains("<td class=\"axis\">mthp-64k</td>", "mthp-64k+contpte *", "chase:bytes=4M")
        .contains("modelled: linear-l2", "4 MiB")
        .containsPattern("<dd>ampere-altra read [0-9]+, recalled [0-9]+, assumed [0-9]+</dd>");
    try (Stream<Path> files = Files.list(folder)) {
      assertThat(files).as("no temporary file is left").hasSize(1);
    }
  }

  @Test
  void jsonHasAManifestAndAPointACell() {
    assertThat(
            quire.run(
                "tlb",
                "--stream=stride:pages=65,count=130",
                "--host-pages=4k,thp",
                "--tlb=gem5-x86-default",
                "--json=-"))
        .isZero();
    List<String> lines = quire.out().lines().toList();
    assertThat(lines).hasSize(3);
    assertThat(lines.getFirst())
        .startsWith("{\"kind\":\"manifest\"")
        .contains("\"stream\":\"stride:pages=65,count=130\"", "\"arch\":\"x86_64\"");
    assertThat(lines.get(1))
        .isEqualTo(
            "{\"kind\":\"point\",\"axes\":{\"stream\":\"stride:pages=65,count=130\","
                + "\"footprint_bytes\":266240,\"arch\":\"x86_64\",\"native\":false,\"guest_pages\":\"4k\","
                + "\"host_pages\":\"4k\",\"tlb\":\"gem5-x86-default\",\"fragmentation\":0.0},"
                + "\"figures\":{\"accesses\":130,\"instructions\":130,\"l1_misses\":130,"
                + "\"l2_misses\":130,\"l1_mpki\":1000.0,\"l2_mpki\":1000.0,"
                + "\"l1_mpma\":1000000.0,\"l2_mpma\":1000000.0,\"walks\":130,"
                + "\"refs_per_walk\":24.0,\"walk_refs\":3120,\"stage1_refs\":520,"
                + "\"stage2_refs\":2600,\"walk_cache_hits\":0,\"nested_hits\":0,"
                + "\"walk_cycles\":43680,\"translation_cycles\":43680,\"reach_bytes\":262144,"
                + "\"by_order\":{\"4k\":130},\"l1_by_order\":{\"4k\":130}},"
                + "\"cost_model\":\"linear-l2\",\"hypothetical\":false}");
  }

  @Test
  void aRepeatedRunGivesTheSameLines() {
    String[] command = {
      "tlb",
      "--stream=zipf:bytes=8M,count=30000,write=0.5",
      "--host-pages=mthp-all",
      "--fragmentation=0.4",
      "--tlb=zen2,icelake",
      "--json=-"
    };
    quire.run(command);
    String first = quire.out();
    quire.run(command);
    assertThat(quire.out()).isEqualTo(first).contains("\"fragmentation\":0.4");
  }

  @Test
  void theArchitectureFollowsFromNamesAndCores() {
    assertThat(arch("--tlb=ampere-altra")).isEqualTo("arm64");
    assertThat(arch("--tlb=ampere-altra,icelake")).isEqualTo("x86_64");
    assertThat(arch("--guest-pages=64k-cont")).isEqualTo("arm64");
    assertThat(arch("--host-pages=16k:thp")).isEqualTo("arm64");
    assertThat(arch("--tlb=icelake", "--arch=arm64")).isEqualTo("arm64");
  }

  private String arch(String... options) {
    String[] command = new String[options.length + 3];
    command[0] = "tlb";
    command[1] = "--stream=chase:pages=4,count=4";
    command[2] = "--json=-";
    System.arraycopy(options, 0, command, 3, options.length);
    assertThat(quire.run(command)).isZero();
    return quire.out().contains("\"arch\":\"arm64\"") ? "arm64" : "x86_64";
  }

  @Test
  void aRecordedStreamGivesTheSameFiguresAsTheStream() throws IOException {
    String stream = "uniform:bytes=2M,count=5000,write=0.5";
    Path trace = folder.resolve("t.zst");
    assertThat(quire.run("tlb", "--stream=" + stream, "--record=" + trace)).isZero();
    assertThat(quire.err()).contains("5,000 accesses of 5,000 instructions");
    assertThat(Files.size(trace)).isPositive();
    quire.run("tlb", "--stream=" + stream);
    String direct = quire.out();
    quire.run("tlb", "--stream=trace:" + trace);
    assertThat(quire.out()).isEqualTo(direct);
  }

  @Test
  void aTraceThatBreaksOffIsNotRecorded() throws IOException {
    Path cut = Files.writeString(folder.resolve("cut"), "I  04001000,3\n".repeat(9000) + " L 1f");
    Path trace = Files.writeString(folder.resolve("t"), "as it was");
    assertThat(quire.run("tlb", "--stream=lackey:" + cut, "--record=" + trace)).isEqualTo(2);
    assertThat(quire.err()).contains("line 9001").hasLineCount(1);
    assertThat(trace).hasContent("as it was");
    try (Stream<Path> files = Files.list(folder)) {
      assertThat(files).containsExactlyInAnyOrder(cut, trace);
    }
  }

  @Test
  void aTraceCanBeRecordedOverItself() throws IOException {
    Path trace = folder.resolve("t.gz");
    assertThat(quire.run("tlb", "--stream=uniform:count=9000", "--record=" + trace)).isZero();
    byte[] first = Files.readAllBytes(trace);
    assertThat(quire.run("tlb", "--stream=trace:" + trace, "--record=" + trace)).isZero();
    assertThat(quire.err()).contains("9,000 accesses");
    assertThat(Files.readAllBytes(trace)).isEqualTo(first);
  }

  @Test
  void aRealTraceReplaysAndATruncatedOneGivesItsLine() throws IOException, URISyntaxException {
    Path real =
        Path.of(TlbCommandTest.class.getResource("/dev/quire/lab/stream/true.lackey.xz").toURI());
    assertThat(quire.run("tlb", "--stream=lackey:" + real, "--native")).isZero();
    assertThat(quire.out()).contains("167,679");
    Path cut = folder.resolve("cut");
    Files.writeString(cut, "==1== x\nI  04001000,3\n L 1ffe");
    assertThat(quire.run("tlb", "--stream=lackey:" + cut)).isEqualTo(2);
    assertThat(quire.err())
        .contains(cut + ", line 3: ' L 1ffe': the file ends in the middle of this line")
        .hasLineCount(1);
  }

  @Test
  void aTraceWithoutFetchesHasNoFigurePerInstruction() throws IOException {
    Path data = folder.resolve("data");
    Files.writeString(data, " L 1000,8\n S 2000,8\n");
    assertThat(quire.run("tlb", "--stream=lackey:" + data, "--json=-")).isZero();
    assertThat(quire.out())
        .contains("\"instructions\":0", "\"l1_mpki\":null", "\"l1_mpma\":1000000.0");
  }

  @Test
  void helpListsTheStreams() {
    assertThat(quire.run("tlb", "--help")).isZero();
    assertThat(quire.out())
        .contains("chase: a pointer chase", "node=", "lackey:FILE", "Example: quire tlb");
  }

  @Test
  void presetsAreListedAndShownWithSourceAndConfidence() {
    assertThat(quire.run("tlb-presets")).isZero();
    assertThat(quire.out()).contains("skylake-sp", "drmemtrace-default", "S, R, E: fields");
    assertThat(quire.run("tlb-presets", "zen2")).isZero();
    assertThat(quire.out())
        .containsPattern("l2\\.l2d\\.ways +16 +E  modelling default")
        .containsPattern("l2\\.l2d\\.entries +2048 +S  WikiChip");
    assertThat(quire.run("tlb-presets", "zen2", "--json", "-")).isZero();
    assertThat(quire.out())
        .contains("{\"kind\":\"preset\",\"name\":\"zen2\",\"isa\":\"x86_64\"")
        .contains(
            "{\"field\":\"l2.l2d.entries\",\"value\":\"2048\",\"confidence\":\"S\",\"source\":");
  }

  @Test
  void twoPresetsOfOneNameAreRefused() throws IOException {
    Path mine = folder.resolve("mine.yaml");
    try (var zen2 = TlbCommandTest.class.getResourceAsStream("/dev/quire/lab/presets/zen2.yaml")) {
      Files.copy(zen2, mine);
    }
    assertThat(quire.run("tlb", "--stream=chase:pages=4,count=4", "--tlb=zen2," + mine))
        .isEqualTo(2);
    assertThat(quire.err()).contains("another preset of this run is called 'zen2' too");
  }
}
