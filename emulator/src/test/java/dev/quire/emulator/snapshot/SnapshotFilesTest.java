package dev.quire.emulator.snapshot;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.quire.emulator.boot.GuestArchitecture;
import dev.quire.emulator.boot.GuestRam;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Map;
import java.util.Random;
import java.util.TreeMap;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** What is written is read again; what is not what was written is refused, in one line. */
class SnapshotFilesTest {
  private static final int PAGE = 4096;
  private static final GuestRam RAM = GuestRam.of(GuestArchitecture.X86_64, 4 << 20);
  private static final SnapshotDescription DESCRIPTION =
      new SnapshotDescription(
          GuestArchitecture.X86_64,
          RAM,
          2,
          "a \"guest\" \u00e4",
          "x=1",
          "4k",
          -7,
          1234,
          5678,
          new SnapshotDescription.Expected("pass", 9999, "abc", "def", 17));

  @TempDir Path folder;
  private Path directory;
  private final Map<Long, byte[]> pages = new TreeMap<>();
  private final byte[] state = new byte[500];

  @BeforeEach
  void fill() {
    directory = folder.resolve("s");
    Random random = new Random(1);
    random.nextBytes(state);
    for (long gfn : new long[] {0, 1, 3, 15, 16, 40, 41, 42, 1023}) {
      byte[] page = new byte[PAGE];
      random.nextBytes(page);
      // Half of it compresses.
      Arrays.fill(page, 0, PAGE / 2, (byte) gfn);
      pages.put(gfn, page);
    }
  }

  private static PageSource source(Map<Long, byte[]> pages) {
    return visitor -> pages.forEach((gfn, page) -> visitor.page(gfn, MemorySegment.ofArray(page)));
  }

  private SnapshotWriter.Written write(boolean compress) throws IOException {
    return new SnapshotWriter(directory, "test 1", compress)
        .write(DESCRIPTION, state, source(pages));
  }

  private static byte[] read(MemoryImage memory, long gfn) {
    byte[] page = new byte[PAGE];
    Arrays.fill(page, (byte) 0x55);
    memory.read(gfn, MemorySegment.ofArray(page));
    return page;
  }

  private void check(Snapshot snapshot, Map<Long, byte[]> expected) {
    MemoryImage memory = snapshot.memory();
    assertThat(memory.pages()).isEqualTo(expected.size());
    long next = memory.nextStored(0);
    for (Map.Entry<Long, byte[]> page : expected.entrySet()) {
      assertThat(next).isEqualTo(page.getKey());
      next = memory.nextStored(next + 1);
    }
    assertThat(next).isEqualTo(-1);
    for (long gfn = 0; gfn < 1100; gfn++) {
      assertThat(memory.isStored(gfn)).isEqualTo(expected.containsKey(gfn));
      assertThat(read(memory, gfn)).isEqualTo(expected.getOrDefault(gfn, new byte[PAGE]));
    }
    memory.verifyAll();
  }

  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void whatIsWrittenIsReadAgain(boolean compress) throws IOException {
    SnapshotWriter.Written written = write(compress);
    Snapshot snapshot = SnapshotReader.open(directory);
    assertThat(snapshot.description()).isEqualTo(DESCRIPTION);
    assertThat(snapshot.state()).isEqualTo(state);
    assertThat(snapshot.identity()).isEqualTo(written.identity()).hasSize(64);
    assertThat(written.pages()).isEqualTo(pages.size());
    check(snapshot, pages);
    long plain = (long) pages.size() * PAGE;
    assertThat(Files.size(directory.resolve("snapshot-1/memory")))
        .matches(bytes -> compress ? bytes < plain * 3 / 4 : bytes == plain);
  }

  @Test
  void subdirectoryAloneIsASnapshotToo() throws IOException {
    write(false);
    check(SnapshotReader.open(directory.resolve("snapshot-1")), pages);
  }

  @Test
  void emptyMemoryIsLegal() throws IOException {
    pages.clear();
    write(false);
    check(SnapshotReader.open(directory), pages);
  }

  @Test
  void diffLiesOnItsBase() throws IOException {
    write(true);
    Snapshot base = SnapshotReader.open(directory);
    Map<Long, byte[]> now = new TreeMap<>(pages);
    byte[] other = new byte[PAGE];
    other[5] = 1;
    now.put(16L, other);
    now.put(17L, other);
    now.remove(41L);
    now.remove(3L);
    long[] changed = {3, 16, 17, 41, 900};
    Path on = folder.resolve("diff");
    SnapshotWriter.Written written =
        new SnapshotWriter(on, "test", false)
            .writeDiff(
                DESCRIPTION,
                state,
                source(now),
                base,
                gfn -> Arrays.stream(changed).filter(page -> page >= gfn).findFirst().orElse(-1));
    assertThat(written.pages()).isEqualTo(2);
    check(SnapshotReader.open(on), now);
  }

  private void writeDiff(Path on, Path base) throws IOException {
    Snapshot opened = SnapshotReader.open(base);
    new SnapshotWriter(on, "test", false)
        .writeDiff(DESCRIPTION, state, source(pages), opened, gfn -> gfn <= 3 ? 3 : -1);
  }

  /** Whatever name the base goes by: replacing it would leave neither the base nor a diff. */
  @Test
  void diffTakesThePlaceOfNothingItLiesOn() throws IOException {
    SnapshotWriter.Written first = write(false);
    Path link = Files.createSymbolicLink(folder.resolve("link"), directory);
    Path diff = folder.resolve("diff");
    writeDiff(diff, directory);
    for (Path base : new Path[] {directory, directory.resolve("snapshot-1"), link, diff}) {
      assertThatThrownBy(() -> writeDiff(directory, base))
          .as("onto %s", base)
          .isInstanceOf(SnapshotWriter.RefusedException.class)
          .hasMessageContaining("--base lies on the snapshot there; choose another --out");
    }
    assertThat(SnapshotReader.open(directory).identity()).isEqualTo(first.identity());
    check(SnapshotReader.open(diff), pages);
  }

  @Test
  void diffFindsItsBaseThroughLinks() throws IOException {
    write(false);
    Path deep = Files.createDirectories(folder.resolve("deep/deeper"));
    Path link = Files.createSymbolicLink(folder.resolve("link"), deep);
    writeDiff(link.resolve("diff"), directory);
    check(SnapshotReader.open(link.resolve("diff")), pages);
    writeDiff(folder.resolve("next"), link.resolve("diff"));
    Files.delete(link);
    check(SnapshotReader.open(deep.resolve("diff")), pages);
    check(SnapshotReader.open(folder.resolve("next")), pages);
  }

  /** Only by hand; identities are digests, so that no diff can really lie on itself. */
  @Test
  void diffsThatLieInACircleAreRefusedBriefly() throws IOException {
    write(false);
    Path one = folder.resolve("one");
    Path two = folder.resolve("two");
    writeDiff(one, directory);
    writeDiff(two, one);
    SnapshotFiles.delete(directory.resolve("snapshot-1"));
    Files.delete(directory.resolve("CURRENT"));
    Files.delete(directory.resolve("LOCK"));
    Files.delete(directory);
    Files.move(two, directory);
    assertThatThrownBy(() -> SnapshotReader.open(one))
        .isInstanceOf(BadSnapshotException.class)
        .hasMessageContaining("a diff whose base is bad")
        .hasMessageContaining("write the diff again")
        .satisfies(failure -> assertThat(failure.getMessage().split("whose base")).hasSize(2));
  }

  @Test
  void failedWriteLeavesNothingBehind() throws IOException {
    SnapshotWriter.Written first = write(false);
    PageSource failing =
        visitor -> {
          source(pages).forEach(visitor);
          throw new IllegalStateException("the disk is full");
        };
    SnapshotWriter writer = new SnapshotWriter(directory, "test 1", false);
    assertThatThrownBy(() -> writer.write(DESCRIPTION, state, failing))
        .hasMessageContaining("the disk is full");
    try (var names = Files.list(directory)) {
      assertThat(names.map(path -> path.getFileName().toString()))
          .containsExactlyInAnyOrder("CURRENT", "LOCK", "snapshot-1");
    }
    assertThat(SnapshotReader.open(directory).identity()).isEqualTo(first.identity());
  }

  /** Every byte of the small files, and a byte of every page of memory. */
  @ParameterizedTest
  @CsvSource({"1,false", "2,false", "2,true"})
  void everyFlippedByteIsSeen(int version, boolean compress) throws IOException {
    write(compress);
    if (version == 1) {
      toVersion1();
    }
    for (String name : new String[] {"header", "machine.json", "state", "blocks", "memory"}) {
      Path file = directory.resolve("snapshot-1").resolve(name);
      byte[] good = Files.readAllBytes(file);
      int step = name.equals("memory") ? 997 : 1;
      for (int at = 0; at < good.length; at += step) {
        byte[] bad = good.clone();
        bad[at] ^= (byte) (1 << at % 8);
        Files.write(file, bad);
        assertBad(name + " " + at);
      }
      Files.write(file, good);
    }
    check(SnapshotReader.open(directory), pages);
  }

  /** A table of a few blocks has the same bytes in both versions. */
  private void toVersion1() throws IOException {
    forge(8, little(1, 4));
    forge(256, new byte[8]);
  }

  private void assertBad(String where) {
    assertThatThrownBy(() -> SnapshotReader.open(directory).memory().verifyAll())
        .as(where)
        .isInstanceOf(BadSnapshotException.class)
        .satisfies(failure -> assertThat(failure.getMessage().lines()).hasSize(1));
  }

  @Test
  void everyLengthButTheRightOneIsRefused() throws IOException {
    write(false);
    for (String name : new String[] {"header", "machine.json", "state", "blocks", "memory"}) {
      Path file = directory.resolve("snapshot-1").resolve(name);
      byte[] good = Files.readAllBytes(file);
      for (int length : new int[] {0, 1, 7, 8, 12, good.length / 2, good.length - 1}) {
        Files.write(file, Arrays.copyOf(good, length));
        assertBad(name + " of " + length);
      }
      Files.write(file, Arrays.copyOf(good, good.length + 1));
      assertBad(name + " with a byte more");
      Files.delete(file);
      assertBad("no " + name);
      Files.createSymbolicLink(file, folder.resolve("elsewhere"));
      assertBad(name + " is a dangling link");
      Files.write(folder.resolve("elsewhere"), good);
      assertBad(name + " is a link");
      Files.delete(file);
      Files.createDirectory(file);
      assertBad(name + " is a directory");
      Files.delete(file);
      Files.write(file, good);
    }
    check(SnapshotReader.open(directory), pages);
  }

  @Test
  void pointersToNothingAreRefused() throws IOException {
    write(false);
    Path pointer = directory.resolve("CURRENT");
    String[] texts = {
      "", "\n", "snapshot-1", "snapshot-2\n", "../s/snapshot-1\n", "snapshot-1\n\n", "snapshot-0\n"
    };
    for (String text : texts) {
      Files.writeString(pointer, text);
      assertBad("CURRENT '" + text + "'");
    }
    Files.delete(pointer);
    assertBad("no CURRENT");
    Files.createDirectory(pointer);
    assertBad("CURRENT is a directory");
  }

  /** Rewrites the header with its own checksum right again. */
  private void forge(int at, byte[] value) throws IOException {
    Path file = directory.resolve("snapshot-1/header");
    byte[] header = Files.readAllBytes(file);
    System.arraycopy(value, 0, header, at, value.length);
    byte[] digest = SnapshotHeader.sha256().digest(Arrays.copyOf(header, 480));
    System.arraycopy(digest, 0, header, 480, digest.length);
    Files.write(file, header);
  }

  private static byte[] little(long value, int bytes) {
    return Arrays.copyOf(
        ByteBuffer.allocate(8).order(ByteOrder.LITTLE_ENDIAN).putLong(value).array(), bytes);
  }

  @Test
  void newerForeignAndAbsurdHeadersAreRefusedByName() throws IOException {
    write(false);
    Path header = directory.resolve("snapshot-1/header");
    byte[] good = Files.readAllBytes(header);
    record Forgery(int at, byte[] value, String message) {}
    Forgery[] forgeries = {
      new Forgery(8, little(3, 4), "format version 3 is newer than this Quire's 2"),
      new Forgery(8, little(1, 4), "does not know"),
      new Forgery(8, little(0, 4), "version 0 does not exist"),
      new Forgery(16, little(243, 4), "ELF number 243"),
      new Forgery(16, little(183, 4), "contradict"),
      new Forgery(20, little(SnapshotHeader.DIFF, 4), "contradict"),
      new Forgery(20, little(1 << 9, 4), "does not know"),
      new Forgery(24, little(65536, 4), "does not know"),
      new Forgery(40, little(Long.MAX_VALUE, 8), "more than the"),
      new Forgery(40, little(-5, 8), "does not know"),
      new Forgery(56, little(1L << 60, 8), "do not make up"),
      new Forgery(256, little(5, 8), "does not know"),
      new Forgery(256, little(-1, 8), "does not know"),
      new Forgery(48, little(64, 8), "does not know"),
      new Forgery(300, little(1, 1), "does not know"),
    };
    for (Forgery forgery : forgeries) {
      forge(forgery.at, forgery.value);
      assertThatThrownBy(() -> SnapshotReader.open(directory))
          .isInstanceOf(BadSnapshotException.class)
          .hasMessageContaining(forgery.message)
          .hasMessageStartingWith(folder.toString());
      Files.write(header, good);
    }
  }

  @Test
  void impossibleBlocksAreRefusedEvenWithRightChecksums() throws IOException {
    write(false);
    Path blocks = directory.resolve("snapshot-1/blocks");
    Path header = directory.resolve("snapshot-1/header");
    byte[] good = Files.readAllBytes(blocks);
    byte[] goodHeader = Files.readAllBytes(header);
    Random random = new Random(3);
    for (int round = 0; round < 300; round++) {
      byte[] bad = good.clone();
      int entry =
          random.nextInt(good.length / TableShape.BLOCK_ENTRY_BYTES) * TableShape.BLOCK_ENTRY_BYTES;
      // All of an entry but its checksum, which the block would not have.
      bad[entry + random.nextInt(28)] = (byte) random.nextInt();
      if (Arrays.equals(bad, good)) {
        continue;
      }
      Files.write(blocks, bad);
      forge(128, SnapshotHeader.sha256().digest(bad));
      try {
        MemoryImage memory = SnapshotReader.open(directory).memory();
        // Another legal place for the same bytes: inside the RAM, in order.
        for (long gfn = memory.nextStored(0); gfn >= 0; gfn = memory.nextStored(gfn + 1)) {
          assertThat(RAM.contains(gfn * PAGE, PAGE)).isTrue();
          read(memory, gfn);
        }
      } catch (BadSnapshotException refused) {
        assertThat(refused.getMessage().lines()).hasSize(1);
      }
      Files.write(header, goodHeader);
    }
  }

  @Test
  void descriptionsThatAreNoMachinesAreRefused() throws IOException {
    write(false);
    Path json = directory.resolve("snapshot-1/machine.json");
    String good = Files.readString(json);
    String[] bad = {
      "",
      "null",
      "[]",
      good + "x",
      good.replace("x86_64", "riscv"),
      good.replace("\"vcpus\": 2", "\"vcpus\": 0"),
      good.replace("\"vcpus\": 2", "\"vcpus\": 99999999999999999999"),
      good.replace("\"vcpus\": 2", "\"vcpus\": 2.5"),
      good.replace("\"vcpus\": 2,", ""),
      good.replace("\"seed\"", "\"vcpus\""),
      good.replace("4194304", "4194305"),
      good.replace("\"memory_bytes\": 4194304", "\"memory_bytes\": 8388608"),
      "{\"a\":".repeat(10_000),
      "\"\\u12",
    };
    for (String text : bad) {
      byte[] bytes = text.getBytes(java.nio.charset.StandardCharsets.UTF_8);
      Files.write(json, bytes);
      forge(32, little(bytes.length, 8));
      forge(64, SnapshotHeader.sha256().digest(bytes));
      assertBad("machine.json: " + text.substring(0, Math.min(20, text.length())));
    }
  }

  @Test
  void snapshotIsReplacedAndNothingElseIsTouched() throws IOException {
    SnapshotWriter.Written first = write(false);
    pages.remove(40L);
    SnapshotWriter.Written second = write(true);
    assertThat(second.identity()).isNotEqualTo(first.identity());
    check(SnapshotReader.open(directory), pages);
    assertThat(directory.resolve("snapshot-1")).doesNotExist();
    Files.writeString(directory.resolve("thesis.txt"), "ten years");
    assertThatThrownBy(() -> write(false))
        .isInstanceOf(SnapshotWriter.RefusedException.class)
        .hasMessageContaining("thesis.txt");
    assertThat(directory.resolve("thesis.txt")).hasContent("ten years");
    check(SnapshotReader.open(directory), pages);
  }

  @Test
  void remainsOfAKilledWriterAreSweptAndNeverRead() throws IOException {
    SnapshotWriter.Written first = write(false);
    Path part = Files.createDirectory(directory.resolve("snapshot-9.part"));
    Files.write(part.resolve("memory"), new byte[100]);
    Files.writeString(directory.resolve("CURRENT.part"), "snapsh");
    Files.createDirectory(directory.resolve("snapshot-7"));
    assertThat(SnapshotReader.open(directory).identity()).isEqualTo(first.identity());
    assertThat(write(false).identity()).isEqualTo(first.identity());
    try (var names = Files.list(directory)) {
      assertThat(names.map(path -> path.getFileName().toString()))
          .containsExactlyInAnyOrder("CURRENT", "LOCK", "snapshot-2");
    }
  }
}
