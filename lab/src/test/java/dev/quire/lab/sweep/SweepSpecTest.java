package dev.quire.lab.sweep;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.List;
import java.util.Map;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class SweepSpecTest {
  private static SweepSpec read(String text) {
    return SweepSpec.read("s.yaml", text, FakeQuire.COMMANDS);
  }

  @Test
  void theGridIsTheCrossProductWithTheLastAxisFastest() {
    List<SweepCell> cells =
        read("command: tlb\naxes:\n  pages: [1, 2]\n  host-pages: [4k, thp]\n").cells(9);
    assertThat(cells).extracting(SweepCell::index).containsExactly(0, 1, 2, 3);
    assertThat(cells.get(2).axes()).isEqualTo(Map.of("pages", 2L, "host_pages", "4k"));
    assertThat(cells.get(2).command())
        .containsExactly("tlb", "--pages=2", "--host-pages=4k", "--seed=9");
    assertThat(cells).extracting(SweepCell::id).doesNotHaveDuplicates();
  }

  @Test
  void axesFillPlacesInOptionsAndArguments() {
    SweepCell cell =
        read("""
        command: tlb
        arguments: ["{guest}", "--", "bytes={size}"]
        options:
          stream: "uniform:bytes={size},count=1k"
          host-pages: [4k, thp]
          seed: 4
          native: true
        axes:
          guest: [gups]
          size: ['$1m\\']
        """)
            .cells(1)
            .getFirst();
    assertThat(cell.command())
        .containsExactly(
            "tlb",
            "--stream=uniform:bytes=$1m\\,count=1k",
            "--host-pages=4k,thp",
            "--seed=4",
            "--native",
            "gups",
            "--",
            "bytes=$1m\\");
  }

  @Test
  void flagsCanVary() {
    List<SweepCell> cells = read("command: tlb\naxes: {native: [true, false]}\n").cells(1);
    assertThat(cells.get(0).command()).containsExactly("tlb", "--native", "--seed=1");
    assertThat(cells.get(1).command()).containsExactly("tlb", "--seed=1");
  }

  @Test
  void cellsThatCouldFindWhatAnotherLeftRecordAnew() {
    CommandShape restore = new CommandShape(Set.of("strategy", "seed"), Set.of("record-anew"));
    String spec = "command: restore\narguments: [s]\naxes: {strategy: [demand, record-prefetch]}\n";
    List<SweepCell> cells = SweepSpec.read("s.yaml", spec, Map.of("restore", restore)).cells(1);
    assertThat(cells.get(1).command())
        .containsExactly("restore", "--strategy=record-prefetch", "--seed=1", "--record-anew", "s");
    assertThatThrownBy(
            () ->
                SweepSpec.read(
                    "s.yaml", spec + "options: {record-anew: true}\n", Map.of("restore", restore)))
        .hasMessageContaining("the sweep's own");
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "command: tlb;axis: {pages: [1]}            | line 2: unknown key 'axis'; expected one of",
        "axes: {pages: [1]}                         | line 1: key 'command' is missing",
        "command: tlb                               | line 1: key 'axes' is missing",
        "command: serve;axes: {pages: [1]}          | line 1: 'serve' cannot be swept; commands:"
            + " tlb",
        "command: tlb;axes: {page: [1]}             | line 2: 'tlb' has no option 'page'; options:",
        "command: tlb;options: {page: 1};axes: {pages: [1]} | line 2: 'tlb' has no option 'page'",
        "command: tlb;options: {pages: 1};axes: {pages: [1]} | line 2: 'pages' is an option and an"
            + " axis",
        "command: tlb;options: {json: x};axes: {pages: [1]} | line 2: option 'json' is the sweep's"
            + " own",
        "command: tlb;axes: {report: [x]}           | line 2: option 'report' is the sweep's own",
        "command: tlb;axes: {}                      | line 2: axes: names with lists of values",
        "command: tlb;axes: [1]                     | line 2: axes: names with lists of values",
        "command: tlb;axes: {pages: []}             | line 2: axis 'pages': a list of values",
        "command: tlb;axes: {pages: 1}              | line 2: axis 'pages': a list of values",
        "command: tlb;axes: {pages: [1, 2, 1]}      | line 2: axis 'pages' has '1' twice",
        "command: tlb;axes: {pages: [{a: 1}]}       | line 2: pages: a map where a single value",
        "command: tlb;axes: {Pages: [1]}            | line 2: axis 'Pages': a name is small"
            + " letters",
        "command: tlb;axes: {native: [maybe]}       | line 2: 'native' is on or off",
        "command: tlb;options: {native: 1};axes: {pages: [1]} | line 2: 'native' is on or off",
        "command: tlb;arguments: ['{x}'];axes: {pages: [1]} | line 2: {x} names no axis; axes:"
            + " pages",
        "command: tlb;arguments: [--json];axes: {pages: [1]} | line 2: '--json': options stand"
            + " under",
        "command: tlb;arguments: x;axes: {pages: [1]} | line 2: arguments: a list was expected",
        "command: tlb;timeout-seconds: -1;axes: {pages: [1]} | line 2: timeout-seconds: '-1'",
        "command: tlb;axes: {pages: [1]             | line 2: not YAML",
        "command: tlb;command: tlb                  | line 2: key 'command' is here twice",
        "[a]                                        | line 1: a list where keys were expected",
      })
  void mistakesAreToldWithTheirLine(String text, String expected) {
    assertThatThrownBy(() -> read(text.replace(';', '\n')))
        .isInstanceOf(BadSweepException.class)
        .hasMessageStartingWith("s.yaml, ")
        .hasMessageContaining(expected.strip());
  }

  @Test
  void aGridTooLargeIsRefused() {
    StringBuilder text = new StringBuilder("command: tlb\naxes:\n");
    for (String name : List.of("pages", "host-pages", "stream", "seed")) {
      text.append("  ").append(name).append(": [0");
      for (int i = 1; i < 100; i++) {
        text.append(", ").append(i);
      }
      text.append("]\n");
    }
    assertThatThrownBy(() -> read(text.toString()))
        .hasMessage("s.yaml, line 6: the grid has more than 1,000,000 cells");
  }

  @ParameterizedTest
  @CsvSource({"4/4", "-1/2", "1", "a/b", "0/0", "1/2/3", "''"})
  void shardsThatAreNoneAreRefused(String text) {
    assertThatThrownBy(() -> Shard.parse(text))
        .isInstanceOf(BadSweepException.class)
        .hasMessageContaining("is not I/N");
  }

  @Test
  void eachCellIsInOneShard() {
    for (SweepCell cell : FakeQuire.spec("1, 2, 3, 4").cells(1)) {
      int shards = 0;
      for (int i = 0; i < 3; i++) {
        shards += Shard.parse(i + "/3").has(cell) ? 1 : 0;
      }
      assertThat(shards).isEqualTo(1);
    }
  }
}
