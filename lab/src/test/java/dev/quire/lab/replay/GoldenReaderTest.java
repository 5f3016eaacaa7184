package dev.quire.lab.replay;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.ByteArrayInputStream;
import java.io.InputStream;
import java.io.SequenceInputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class GoldenReaderTest {
  private static final String HEADER =
      "{\"kernel\":\"6.18.44\",\"arch\":\"x86_64\",\"page_size\":4096,\"cases\":[\n";

  /** What there is to be observed of an operation that does nothing. */
  private static final String NOTHING =
      "{\"ret\":0,\"errno\":0,\"minflt\":0,\"majflt\":0,\"thp\":{},\"vmstat\":{},\"pfn_same\":0,"
          + "\"pfn_changed\":0,\"newly_present\":0,\"gone\":0,\"segs\":[],\"vmas\":[]}";

  private static final String GOOD = goldenCase("a", "\"state\"", NOTHING);

  @TempDir Path folder;

  private static String goldenCase(String name, String ops, String observed) {
    return "{\"case\":\"%s\",\"config\":{},\"ops\":[%s],\"observed\":[%s]}"
        .formatted(name, ops, observed);
  }

  private static GoldenReader open(String text) {
    return GoldenReader.open(
        "f.json", new ByteArrayInputStream(text.getBytes(StandardCharsets.UTF_8)));
  }

  private static int readAll(GoldenReader reader) {
    int cases = 0;
    for (GoldenCase next = reader.next(); next != null; next = reader.next()) {
      next.script();
      cases++;
    }
    return cases;
  }

  private static void fails(String text, String message) {
    assertThatThrownBy(() -> readAll(open(text)))
        .isInstanceOf(BadGoldenException.class)
        .hasMessageContaining(message)
        .hasMessageStartingWith("f.json");
  }

  @Test
  void casesComeOneByOne() {
    GoldenReader reader =
        open(HEADER + GOOD + ",\n" + goldenCase("b", "\"state\"", NOTHING) + "\n]}\n");
    assertThat(reader.next().name()).isEqualTo("a");
    GoldenCase second = reader.next();
    assertThat(second.name()).isEqualTo("b");
    assertThat(second.script().ops()).hasSize(1);
    assertThat(reader.next()).isNull();
    assertThat(reader.next()).isNull();
  }

  @Test
  void filesThatAreNone() {
    fails("", "f.json: is empty");
    fails("\n", "f.json:1: a header line");
    fails("[]", "f.json:1: a header line");
    fails("\u0000\u0001", "f.json:1: a header line");
    fails("{\"arch\":\"arm64\",\"page_size\":4096,\"cases\":[\n" + GOOD + "\n]}", "arch is not");
    fails("{\"arch\":\"x86_64\",\"page_size\":16384,\"cases\":[\n]}", "page_size is not 4096");
    fails("{\"arch\":\"x86_64\",\"page_size\":\"4096\",\"cases\":[\n]}", "page_size is not 4096");
    fails("{\"arch\":\"x86_64\",\"cases\":[\n" + GOOD + "\n]}", "page_size is not 4096");
    fails("{\"arch\":\"x86_64,\"cases\":[\n" + GOOD + "\n]}", "f.json:1: not JSON");
    fails(HEADER + "]}", "f.json: has no cases");
    fails(HEADER + GOOD + "\n]}\nmore", "f.json:4: text after the last line");
  }

  @Test
  void filesThatWereCutOff() {
    fails(HEADER, "f.json:1: the file ends without its last line ]}");
    fails(HEADER + GOOD + ",\n", "f.json:2: the file ends without its last line ]}");
    String whole = HEADER + GOOD + "\n]}";
    for (int length = 1; length < whole.length(); length++) {
      String cut = whole.substring(0, length);
      assertThatThrownBy(() -> readAll(open(cut)))
          .as("cut after %d characters", length)
          .isInstanceOf(BadGoldenException.class);
    }
  }

  @Test
  void hugeAndDeepLinesAreRefusedBeforeTheyAreParsed() {
    InputStream endless =
        new InputStream() {
          @Override
          public int read() {
            return '[';
          }

          @Override
          public int read(byte[] bytes, int offset, int length) {
            java.util.Arrays.fill(bytes, offset, offset + length, (byte) '[');
            return length;
          }
        };
    InputStream header = new ByteArrayInputStream(HEADER.getBytes(StandardCharsets.UTF_8));
    GoldenReader reader = GoldenReader.open("f.json", new SequenceInputStream(header, endless));
    assertThatThrownBy(reader::next)
        .isInstanceOf(BadGoldenException.class)
        .hasMessage("f.json:2: the line is longer than 4194304 bytes");
    fails(HEADER + "{\"case\":" + "[".repeat(100_000) + "\n]}", "f.json:2: ");
    fails(
        HEADER + "{\"case\":\"a\",\"ops\":" + "[".repeat(40) + "]".repeat(40) + "}\n]}",
        "nested deeper than 32");
    fails(HEADER + "{\"case\":\"a\",\"n\":" + "9".repeat(5000) + "}\n]}", "f.json:2: not JSON");
  }

  @Test
  void casesThatCannotBeUsed() {
    fails(HEADER + "{}\n]}", "f.json:2: the case has no name");
    fails(HEADER + "{\"case\":5}\n]}", "f.json:2: the case has no name");
    fails(HEADER + "{\"case\":\"a\\nb\"}\n]}", "is not a line");
    fails(HEADER + GOOD + ",\n" + GOOD + "\n]}", "f.json:3: case 'a' is there twice");
    fails(HEADER + GOOD + GOOD + "\n]}", "f.json:2: text after the JSON object");
    fails(HEADER + "{\"case\":\"a\",\"case\":\"b\"}\n]}", "f.json:2: not JSON: Duplicate");
    fails(HEADER + "{\"case\":\"a\"}\n]}", "f.json:2: case a: 'ops' is not a list");
    fails(HEADER + GOOD.replace("[\"state\"]", "[]") + "\n]}", "'ops' is not a list");
    fails(HEADER + GOOD.replace("[\"state\"]", "[7]") + "\n]}", "case a: op 0 is not text");
    fails(
        HEADER + GOOD.replace("state", "stat") + "\n]}",
        "f.json:2: case a: op 0 'stat': unknown operation 'stat'");
    fails(HEADER + GOOD.replace("\"config\":{},", "") + "\n]}", "'config' is not an object");
  }

  @Test
  void observationsThatAreMissing() {
    fails(HEADER + GOOD.replace("observed", "obs") + "\n]}", "'observed' is not a list");
    fails(HEADER + goldenCase("a", "\"state\"", "") + "\n]}", "1 operations, but 0 observations");
    fails(
        HEADER + goldenCase("a", "\"state\"", NOTHING + "," + NOTHING) + "\n]}",
        "1 operations, but 2 observations");
    fails(HEADER + goldenCase("a", "\"state\"", "{}") + "\n]}", "op 0 what was observed is not");
    fails(HEADER + goldenCase("a", "\"state\"", "0") + "\n]}", "op 0 what was observed is not");
    fails(
        HEADER + goldenCase("a", "\"touch w 0 1 1 seq\"", NOTHING) + "\n]}",
        "op 0 what was observed lacks 'touched'");
    for (String field : "ret errno minflt majflt thp vmstat pfn_same gone segs vmas".split(" ")) {
      fails(
          HEADER + GOOD.replace("\"" + field + "\"", "\"x\"") + "\n]}",
          "op 0 what was observed lacks '" + field + "'");
    }
    fails(
        HEADER
            + goldenCase("a", "\"state\"", NOTHING.replace("{\"ret\"", "{\"op\":\"fork\",\"ret\""))
            + "\n]}",
        "op 0 is 'state', but what was observed is of 'fork'");
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "\"c:state\"",
        "\"cexit\"",
        "\"fork\",\"fork\"",
        "\"fork\",\"cexit\",\"c:state\"",
        "\"fork\",\"c:fork\"",
        "\"mapf 0 4 rw s 0\"",
        "\"fwrite 0 1\"",
        "\"fsync\""
      })
  void operationsWithoutTheirProcessOrFile(String ops) {
    String observed = (NOTHING + ",").repeat(ops.split(",").length);
    assertThatThrownBy(
            () ->
                readAll(
                    open(
                        HEADER
                            + goldenCase("a", ops, observed.substring(0, observed.length() - 1))
                            + "\n]}")))
        .isInstanceOf(BadGoldenException.class)
        .hasMessageMatching(
            "f.json:2: case a: op [0-9]+ '.*': "
                + "(there is (no|a) forked child.*|the parent ends the child|no file was opened)");
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "{\"anon\":{\"64\":\"maybe\"}}",
        "{\"anon\":{\"8\":\"always\"}}",
        "{\"anon\":{\"48\":\"always\"}}",
        "{\"anon\":{\"4096\":\"always\"}}",
        "{\"anon\":{\"64\":\"within_size\"}}",
        "{\"anon\":[]}",
        "{\"shmem\":{\"64\":\"madvise\"}}",
        "{\"use_zero_page\":2}",
        "{\"use_zero_page\":\"1\"}",
        "{\"swap\":1}"
      })
  void settingsThatAreNotKnown(String config) {
    fails(
        HEADER + GOOD.replace("\"config\":{}", "\"config\":" + config) + "\n]}",
        "f.json:2: case a: config: ");
  }

  @Test
  void pathsThatCannotBeRead() {
    assertThatThrownBy(() -> GoldenReader.open(folder))
        .isInstanceOf(BadGoldenException.class)
        .hasMessageContaining("is a directory");
    assertThatThrownBy(() -> GoldenReader.open(folder.resolve("none.json")))
        .isInstanceOf(BadGoldenException.class)
        .hasMessageContaining("no such file");
  }
}
