package dev.quire.lab.stream;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.github.luben.zstd.ZstdOutputStream;
import dev.quire.mmu.Access;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.URISyntaxException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.zip.GZIPOutputStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.tukaani.xz.XZInputStream;

/** Lackey's text and the project's own format, whole and broken. */
class TraceFilesTest {
  private static final String SMALL =
      """
      ==31788== Lackey, an example Valgrind tool
      ==31788== Command: /bin/true
      **31788** printed by the program through valgrind
      I  0401ab70,3
      I  0401ab73,5
       S 1fff000778,8
      I  04020ffe,4
       L 048c9d9c,8
       M 04025ffc,8
      ==31788== Exit code:       0
      """;

  @TempDir Path folder;

  private static List<String> texts(String spec) {
    List<String> texts = new ArrayList<>();
    for (long access : SyntheticStreamTest.all(spec)) {
      texts.add(
          "%s%x%s"
              .formatted(
                  "RWF".charAt(PackedAccess.type(access)),
                  PackedAccess.va(access),
                  PackedAccess.startsInstruction(access) ? "!" : ""));
    }
    return texts;
  }

  private Path file(String name, byte[] bytes) throws IOException {
    return Files.write(folder.resolve(name), bytes);
  }

  private static byte[] small() {
    return SMALL.getBytes(StandardCharsets.UTF_8);
  }

  @Test
  void lackeysLinesBecomeAccessesAndTwoWherePagesEnd() throws IOException {
    assertThat(texts("lackey:" + file("t", small())))
        .containsExactly(
            "F401ab70!",
            "F401ab70!",
            "W1fff000778",
            "F4020ffc!",
            "F4021000",
            "R48c9d9c",
            "W4025ffc",
            "W4026000");
  }

  @Test
  void windowsLineEndsDoNotMatter() throws IOException {
    byte[] bytes = SMALL.replace("\n", "\r\n").getBytes(StandardCharsets.UTF_8);
    assertThat(texts("lackey:" + file("crlf", bytes)))
        .isEqualTo(texts("lackey:" + file("lf", small())));
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '"',
      value = {
        "I  0401ab70",
        "I  0401ab70,",
        "I  ,3",
        "I  0401ab70,3x",
        "I  0401ab70,0",
        "I  0401ab70,99999999999",
        "I  11112222333344445,3",
        "I  7fffffffffff,2",
        "I  ffffffff81000000,3",
        "\" X 0401ab70,3\"",
        "\"I 0401ab70,3\"",
        "\" L0401ab70,3\"",
        "hello, world",
      })
  void aMalformedLineIsToldWithItsNumber(String line) throws IOException {
    Path file = file("bad", (SMALL + line + "\n" + SMALL).getBytes(StandardCharsets.UTF_8));
    assertThatThrownBy(() -> texts("lackey:" + file))
        .isInstanceOf(BadStreamException.class)
        .hasMessageStartingWith(file + ", line 11: '" + line + "': expected ")
        .hasMessageMatching("[^\\n]*");
  }

  @Test
  void anEndlessLineIsRefusedWithoutKeepingIt() throws IOException {
    Path file = file("long", "x".repeat(1 << 20).getBytes(StandardCharsets.UTF_8));
    assertThatThrownBy(() -> texts("lackey:" + file))
        .isInstanceOf(BadStreamException.class)
        .hasMessageContaining("line 1: 'xxx")
        .hasMessageNotContaining("x".repeat(100));
  }

  @Test
  void aTraceCutAnywhereTellsItsLastLine() throws IOException {
    byte[] bytes = small();
    for (int length = 1; length < bytes.length; length++) {
      Path file = file("cut", Arrays.copyOf(bytes, length));
      if (bytes[length - 1] == '\n') {
        continue;
      }
      int line = 1 + (int) SMALL.substring(0, length).chars().filter(c -> c == '\n').count();
      assertThatThrownBy(() -> texts("lackey:" + file))
          .isInstanceOf(BadStreamException.class)
          .hasMessageContaining("line " + line + ": '")
          .hasMessageEndingWith("the file ends in the middle of this line");
    }
  }

  /** Recorded by valgrind 3.19 of /bin/true; counts by grep, and by valgrind itself. */
  @Test
  void aRealProgramsTraceReplays() throws URISyntaxException {
    Path file = Path.of(TraceFilesTest.class.getResource("true.lackey.xz").toURI());
    long[] accesses = SyntheticStreamTest.all("lackey:" + file);
    int[] byType = new int[3];
    for (long access : accesses) {
      byType[PackedAccess.type(access)]++;
    }
    assertThat(Arrays.stream(accesses).filter(PackedAccess::startsInstruction).count())
        .as("valgrind: guest instrs")
        .isEqualTo(127_863);
    assertThat(accesses).as("167,546 lines, 133 over the end of a page").hasSize(167_679);
    assertThat(byType[Access.READ]).isGreaterThanOrEqualTo(27_912);
    assertThat(byType[Access.WRITE]).isGreaterThanOrEqualTo(10_267 + 1_504);
    assertThat(Arrays.stream(accesses).map(PackedAccess::vpn).distinct().count()).isEqualTo(141);
  }

  @Test
  void aTruncatedCompressedTraceTellsItsLine() throws IOException, URISyntaxException {
    ByteArrayOutputStream packed = new ByteArrayOutputStream();
    try (OutputStream output = new GZIPOutputStream(packed)) {
      output.write(realText());
    }
    Path file = file("cut.gz", Arrays.copyOf(packed.toByteArray(), packed.size() / 2));
    assertThatThrownBy(() -> SyntheticStreamTest.all("lackey:" + file))
        .isInstanceOf(BadStreamException.class)
        .hasMessageMatching(
            ".*cut.gz: cannot be read to its end: the compressed data ends too early,"
                + " after line \\d{5}");
  }

  /** As the damaged head of a further member would be; gzip itself says so too. */
  @ParameterizedTest
  @ValueSource(ints = {1, 5, 18, 100_000})
  void whatStandsBehindAGzipMemberAndIsNoneIsRefused(int bytes) throws IOException {
    ByteArrayOutputStream packed = new ByteArrayOutputStream();
    for (int member = 0; member < 2; member++) {
      try (OutputStream output = new GZIPOutputStream(packed)) {
        output.write(small());
      }
    }
    assertThat(texts("lackey:" + file("two.gz", packed.toByteArray()))).hasSize(2 * 8);
    packed.write("x".repeat(bytes).getBytes(StandardCharsets.UTF_8));
    Path file = file("damaged.gz", packed.toByteArray());
    assertThatThrownBy(() -> texts("lackey:" + file))
        .isInstanceOf(BadStreamException.class)
        .hasMessage(
            file
                + ": cannot be read to its end: what stands behind its gzip data is none, after"
                + " line 20");
  }

  /** Valgrind without --trace-mem=yes, for example. */
  @ParameterizedTest
  @ValueSource(strings = {"", "\n", "==1== Lackey, an example Valgrind tool\n==1==\n"})
  void aTextWithoutAnAccessIsRefused(String text) throws IOException {
    Path file = file("none", text.getBytes(StandardCharsets.UTF_8));
    assertThatThrownBy(() -> texts("lackey:" + file))
        .isInstanceOf(BadStreamException.class)
        .hasMessage(
            "%s: no access in its %d lines: expected the text of valgrind --tool=lackey"
                    .formatted(file, text.chars().filter(c -> c == '\n').count())
                + " --trace-mem=yes");
  }

  @Test
  void theLastUserAddressIsOne() throws IOException {
    Path file = file("last", " L 7fffffffffff,1\n".getBytes(StandardCharsets.UTF_8));
    assertThat(texts("lackey:" + file)).containsExactly("R7ffffffffffc");
  }

  private static byte[] realText() throws IOException, URISyntaxException {
    Path xz = Path.of(TraceFilesTest.class.getResource("true.lackey.xz").toURI());
    try (InputStream input = new XZInputStream(Files.newInputStream(xz))) {
      return input.readAllBytes();
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"gz", "zst", "xz"})
  void everyCompressionIsKnownByItsBytes(String kind) throws IOException, URISyntaxException {
    Path xz = Path.of(TraceFilesTest.class.getResource("true.lackey.xz").toURI());
    byte[] text = realText();
    ByteArrayOutputStream packed = new ByteArrayOutputStream();
    if (kind.equals("xz")) {
      packed.write(Files.readAllBytes(xz));
    } else {
      try (OutputStream output =
          kind.equals("gz") ? new GZIPOutputStream(packed) : new ZstdOutputStream(packed)) {
        output.write(text);
      }
    }
    long[] plain = SyntheticStreamTest.all("lackey:" + file("plain", text));
    assertThat(SyntheticStreamTest.all("lackey:" + file("packed", packed.toByteArray())))
        .isEqualTo(plain);
    byte[] cut = Arrays.copyOf(packed.toByteArray(), packed.size() - 20);
    Path broken = file("broken", cut);
    assertThatThrownBy(() -> SyntheticStreamTest.all("lackey:" + broken))
        .isInstanceOf(BadStreamException.class);
  }

  @ParameterizedTest
  @ValueSource(strings = {"t.trace", "t.trace.gz", "t.trace.zst", "t.trace.xz"})
  void aRecordedStreamReplaysAsItWas(String name) throws IOException {
    Path file = folder.resolve(name);
    Random random = new Random(3);
    long[] accesses = new long[20_000];
    for (int i = 0; i < accesses.length; i++) {
      long va = random.nextLong() & (random.nextBoolean() ? 0xffff : PackedAccess.HIGHEST_VA);
      accesses[i] = PackedAccess.of(va, random.nextInt(3), random.nextBoolean());
    }
    try (TraceWriter writer = TraceWriter.create(Files.newOutputStream(file), file.toString())) {
      writer.write(accesses, accesses.length);
      writer.finish();
    }
    assertThat(SyntheticStreamTest.all("trace:" + file)).isEqualTo(accesses);
  }

  @Test
  void aSequentialTraceTakesAByteAnAccess() throws IOException {
    Path file = folder.resolve("small");
    try (TraceWriter writer = TraceWriter.create(Files.newOutputStream(file), "file")) {
      long[] accesses = SyntheticStreamTest.all("sequential:count=1000,bytes=8000");
      writer.write(accesses, accesses.length);
      writer.finish();
    }
    assertThat(Files.size(file)).isLessThan(16 + 1000 + 7 + 9);
  }

  @Test
  void aTruncatedOrDamagedTraceIsRefused() throws IOException {
    Path whole = folder.resolve("whole");
    try (TraceWriter writer = TraceWriter.create(Files.newOutputStream(whole), "whole")) {
      long[] accesses = SyntheticStreamTest.all("uniform:count=200");
      writer.write(accesses, accesses.length);
      writer.finish();
    }
    byte[] bytes = Files.readAllBytes(whole);
    for (int length = 0; length < bytes.length; length++) {
      Path cut = file("cut", Arrays.copyOf(bytes, length));
      assertThatThrownBy(() -> SyntheticStreamTest.all("trace:" + cut))
          .as("%d of %d bytes", length, bytes.length)
          .isInstanceOf(BadStreamException.class)
          .hasMessageContaining("truncated after byte " + length);
    }
    Path longer = file("longer", Arrays.copyOf(bytes, bytes.length + 1));
    assertThatThrownBy(() -> SyntheticStreamTest.all("trace:" + longer))
        .hasMessageContaining("expected the end of the file");
    byte[] lost = bytes.clone();
    lost[lost.length - 8]++;
    Path wrong = file("wrong", lost);
    assertThatThrownBy(() -> SyntheticStreamTest.all("trace:" + wrong))
        .hasMessageContaining("the end says 201 accesses, 200 were read");
  }

  @Test
  void otherFilesAreNotTraces() throws IOException {
    Path text = file("text", small());
    assertThatThrownBy(() -> StreamSpec.parse("trace:" + text))
        .isInstanceOf(BadStreamException.class)
        .hasMessageContaining("expected it to begin with 'quiretrc'");
    byte[] later = "quiretrc\2\0\0\0\0\0\0\0\3".getBytes(StandardCharsets.ISO_8859_1);
    Path newer = file("newer", later);
    assertThatThrownBy(() -> StreamSpec.parse("trace:" + newer))
        .hasMessageContaining("version 2 of the trace format; this Quire reads version 1");
  }

  @Test
  void garbageEndsInOneLineNeverOtherwise() throws IOException {
    Random random = new Random(8);
    byte[] header = "quiretrc\1\0\0\0\0\0\0\0".getBytes(StandardCharsets.ISO_8859_1);
    for (int round = 0; round < 300; round++) {
      byte[] bytes = new byte[16 + random.nextInt(200)];
      random.nextBytes(bytes);
      System.arraycopy(header, 0, bytes, 0, 16);
      Path trace = file("garbage", bytes);
      assertThatThrownBy(() -> SyntheticStreamTest.all("trace:" + trace))
          .isInstanceOf(BadStreamException.class);
      random.nextBytes(bytes);
      Path text = file("garbage", bytes);
      assertThatThrownBy(() -> SyntheticStreamTest.all("lackey:" + text))
          .isInstanceOf(BadStreamException.class)
          .hasMessageMatching("[^\\n]*");
    }
  }
}
