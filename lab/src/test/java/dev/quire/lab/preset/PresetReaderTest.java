package dev.quire.lab.preset;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.quire.mmu.tlb.CoalescingPolicy;
import dev.quire.mmu.tlb.NestedTlb;
import dev.quire.mmu.tlb.TlbArray;
import dev.quire.mmu.tlb.TlbGeometry;
import dev.quire.mmu.tlb.TlbReplacement;
import dev.quire.mmu.tlb.TlbUse;
import java.io.IOException;
import java.net.URISyntaxException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;

class PresetReaderTest {
  @TempDir Path folder;

  private static String text(String name) throws IOException {
    try (var input = PresetReaderTest.class.getResourceAsStream("/dev/quire/lab/presets/" + name)) {
      return new String(input.readAllBytes(), StandardCharsets.UTF_8);
    }
  }

  static List<String> names() {
    return PresetCatalogue.names();
  }

  @ParameterizedTest
  @MethodSource("names")
  void everyPresetIsReadAndEachFieldHasASource(String name) {
    Preset preset = PresetCatalogue.load(name);
    assertThat(preset.name()).isEqualTo(name);
    assertThat(preset.fields()).hasSizeGreaterThan(18);
    assertThat(preset.fields())
        .allSatisfy(
            field -> {
              assertThat(field.source()).hasSizeGreaterThan(10);
              boolean assumed = field.source().startsWith("modelling default");
              assertThat(field.confidence() == Confidence.E).as(field.path()).isEqualTo(assumed);
            });
  }

  @Test
  void theListIsTheFolder() throws IOException, URISyntaxException {
    Path presets =
        Path.of(PresetReaderTest.class.getResource("/dev/quire/lab/presets/zen2.yaml").toURI())
            .getParent();
    try (Stream<Path> files = Files.list(presets)) {
      assertThat(files.map(file -> file.getFileName().toString().replace(".yaml", "")))
          .containsExactlyInAnyOrderElementsOf(PresetCatalogue.names());
    }
  }

  /** Spot checks of values, each against the table the presets were made from. */
  @Test
  void valuesArriveWhereTheyBelong() {
    TlbGeometry icelake = PresetCatalogue.load("icelake").geometry();
    TlbArray stlb = icelake.l2().getFirst();
    assertThat(stlb.entries()).isEqualTo(2048);
    assertThat(stlb.orders()).containsExactly(0, 9, 18);
    assertThat(stlb.limits())
        .containsExactly(new TlbArray.WayLimit(9, 0, 8), new TlbArray.WayLimit(18, 8, 8));
    assertThat(icelake.l1Data().getLast().uses()).containsExactly(TlbUse.STORE);
    assertThat(icelake.nested()).isEqualTo(NestedTlb.of(32, 32));
    assertThat(icelake.walkCachesHoldHostAddresses()).isTrue();

    TlbGeometry zen4 = PresetCatalogue.load("zen4").geometry();
    assertThat(zen4.l1Data().getFirst().entries()).isEqualTo(72);
    assertThat(zen4.coalescing())
        .isEqualTo(
            new CoalescingPolicy(false, CoalescingPolicy.Hardware.AGGREGATION, 4, true, false));
    assertThat(zen4.walkCaches().getFirst().sharesL2()).isTrue();

    TlbGeometry altra = PresetCatalogue.load("ampere-altra").geometry();
    assertThat(altra.l1Data().getFirst().orders()).containsExactly(0, 2, 4, 9, 17);
    assertThat(altra.l2().getFirst().ways()).isEqualTo(5);
    assertThat(altra.nested()).isEqualTo(NestedTlb.inL2(9));
    assertThat(altra.coalescing()).isEqualTo(CoalescingPolicy.CONTIGUOUS_BIT);
    assertThat(altra.costs().l2ExtraCycles()).isEqualTo(3);
    assertThat(altra.costs().l1HitCycles()).isEqualTo(1);

    TlbGeometry champsim = PresetCatalogue.load("champsim-default").geometry();
    assertThat(champsim.walkCaches()).hasSize(4);
    assertThat(champsim.walkCaches().getFirst().heights()).containsExactly(1);
    assertThat(champsim.walkCaches().getFirst().entries()).isEqualTo(32);
    assertThat(PresetCatalogue.load("gem5-x86-default").geometry().l2()).isEmpty();
  }

  /** Each mistake in an otherwise good file, by a replacement of one text. */
  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "isa: x86_64 | isa: mips | line 4: 'mips' is not one of x86_64, arm64",
        "walkers: | runners: | unknown key 'runners'; expected preset, isa",
        "    entries: {value: 64, | entrys: {value: 64, | unknown key 'entrys'; expected name,"
            + " entries",
        "{value: 64, source: 7cpu-zen2 | {valu: 64, source: 7cpu-zen2 | unknown key 'valu';"
            + " expected value,",
        "source: 7cpu-zen2, confidence: S} | source: nowhere, confidence: S} | source 'nowhere' is"
            + " not among",
        "confidence: S} | confidence: X} | 'X' is not one of S, R, E",
        "source: 7cpu-zen2, confidence: S} | source: 7cpu-zen2} | key 'confidence' is missing",
        "{value: 64, | {value: many, | 'many' is not a whole number",
        "{value: 64, | {value: -64, | '-64' is not a whole number",
        "{value: 64, | {value: 99999999999, | is not a whole number",
        "[4k, 2m, 1g] | [4k, 3m, 1g] | '3m' is not a page size such as 4k",
        "[4k, 2m, 1g] | [2m, 4k] | line 16: pages: 4k comes after 2m: each size once, smallest"
            + " first",
        "[4k, 2m, 1g] | [4k, 4k] | line 16: pages: 4k comes after 4k: each size once",
        "[4k, 2m, 1g] | 4k | pages: '4k' where a list was expected",
        "{value: lru, | {value: fifo, | 'fifo' is not one of lru, tree-plru, random",
        "l2_inclusive: {value: false | l2_inclusive: {value: no | neither true nor false",
        "{value: 2048, | {value: 2049, | 16 ways do not divide 2049 entries",
        "{value: own, | {value: none, | unknown key 'entries'; expected kind",
        "isa: x86_64 | isa: &a x86_64 | anchors are not used here",
        "isa: x86_64 | isa: *a | line 4:",
        "isa: x86_64 | [ | not YAML",
        "about: | preset: | key 'preset' is here twice",
        "walkers: {value: 2 | walkers: {value: 0 | 0 walkers: at least one is needed",
      })
  void aMistakeIsToldWithItsLine(String good, String bad, String message) throws IOException {
    String text = text("zen2.yaml");
    int at = text.indexOf(good);
    assertThat(at).as("'%s' is in the file", good).isNotNegative();
    String broken = text.substring(0, at) + bad + text.substring(at + good.length());
    assertThatThrownBy(() -> PresetReader.read("mine.yaml", broken))
        .isInstanceOf(BadPresetException.class)
        .hasMessageStartingWith("mine.yaml, line ")
        .hasMessageContaining(message)
        .hasMessageMatching("[^\\n]*");
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "2m, first_way: 9, ways: 8 | 8 ways from way 9 on are not among its 16",
        "2m, first_way: 0, ways: 0 | 0 ways from way 0 on are not among its 16",
        "512m, first_way: 0, ways: 8 | it holds no 512m: its pages are 4k, 2m, 1g",
      })
  void aLimitThatIsNoneIsToldInTheFilesOwnWords(String limit, String message) throws IOException {
    String broken = text("icelake.yaml").replaceFirst("2m, first_way: 0, ways: 8", limit);
    assertThatThrownBy(() -> PresetReader.read("mine.yaml", broken))
        .isInstanceOf(BadPresetException.class)
        .hasMessage("mine.yaml, line 53: limits of stlb: " + message);
  }

  @Test
  void theLineIsTheOneOfTheMistake() throws IOException {
    String text = text("zen2.yaml");
    List<String> lines = text.lines().toList();
    for (int i = 0; i < lines.size(); i++) {
      if (lines.get(i).contains("confidence: ") && !lines.get(i).startsWith("#")) {
        List<String> broken = new ArrayList<>(lines);
        broken.set(i, lines.get(i).replace("confidence", "confidense"));
        assertThatThrownBy(() -> PresetReader.read("f", String.join("\n", broken)))
            .hasMessageStartingWith("f, line " + (i + 1) + ": ");
      }
    }
  }

  @Test
  void aFileOfTheUsersIsReadLikeAPreset() throws IOException {
    Path file = folder.resolve("mine.yaml");
    Files.writeString(
        file,
        text("skylake-sp.yaml")
            .replace("preset: skylake-sp", "preset: mine")
            .replace("{value: lru,", "{value: random,"));
    Preset preset = PresetCatalogue.load(file.toString());
    assertThat(preset.name()).isEqualTo("mine");
    assertThat(preset.geometry().l1Data().getFirst().replacement())
        .isEqualTo(TlbReplacement.RANDOM);
  }

  @Test
  void hostileFilesEndInOneLine() throws IOException {
    Path file = folder.resolve("x.yaml");
    Files.writeString(file, "[".repeat(200_000));
    assertBad(file);
    Files.writeString(file, "a: ".repeat(50_000));
    assertBad(file);
    Files.writeString(file, "");
    assertBad(file);
    Files.writeString(file, "--- a\n--- b\n");
    assertBad(file);
    Files.write(file, new byte[] {(byte) 0xff, (byte) 0xfe, 0});
    assertBad(file);
    Files.write(file, new byte[300 << 10]);
    assertBad(file);
    String good = text("zen2.yaml");
    String special = "{}[]:,-&*!|>'\"%@#\n\t 0x";
    Random random = new Random(4);
    for (int round = 0; round < 500; round++) {
      char[] text = good.toCharArray();
      for (int i = 0; i < 3; i++) {
        text[random.nextInt(text.length)] = special.charAt(random.nextInt(special.length()));
      }
      try {
        PresetReader.read("fuzz", new String(text));
      } catch (BadPresetException e) {
        assertThat(e.getMessage()).doesNotContain("\n");
      }
    }
  }

  private static void assertBad(Path file) {
    assertThatThrownBy(() -> PresetCatalogue.load(file.toString()))
        .isInstanceOf(BadPresetException.class)
        .hasMessageMatching("[^\\n]*");
  }

  @Test
  void pageSizesReadBack() {
    for (int order = 0; order <= 22; order++) {
      assertThat(PageSize.parse(PageSize.text(order))).isEqualTo(order);
    }
    assertThat(PageSize.text(13)).isEqualTo("32m");
    for (String text : new String[] {"", "k", "4", "3k", "2k", "4kb", "00000004k", "-4k", "4p"}) {
      assertThat(PageSize.parse(text)).as(text).isEqualTo(-1);
    }
  }
}
