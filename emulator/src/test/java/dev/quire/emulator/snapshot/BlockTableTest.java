package dev.quire.emulator.snapshot;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.quire.emulator.boot.GuestArchitecture;
import dev.quire.emulator.boot.GuestRam;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Random;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The tree of the block table: what is looked up is there, and no part is used unverified. */
class BlockTableTest {
  private static final Path FILE = Path.of("blocks");
  private static final GuestRam RAM = GuestRam.of(GuestArchitecture.ARM64, 4L << 30);
  private static final long FIRST_GFN = RAM.ranges().getFirst().gpa() >>> 12;

  /** More than two levels hold, which are 128 times 128. */
  private static final int THREE_LEVELS = 128 * 128 + 200;

  /** First frames and masks of the blocks that were added. */
  private final TreeMap<Long, Integer> blocks = new TreeMap<>();

  private long memoryBytes;

  /** A table of so many blocks with gaps between them, each of some pages. */
  private BlockTableBuilder.Built build(int count) {
    Random random = new Random(count);
    BlockTableBuilder builder = new BlockTableBuilder();
    long gfn = FIRST_GFN;
    for (int i = 0; i < count; i++) {
      gfn += BlockTable.PAGES * (1 + random.nextInt(3));
      int here = 1 + random.nextInt((1 << BlockTable.PAGES) - 1);
      int bytes = Integer.bitCount(here) * BlockTable.PAGE_BYTES;
      builder.add(gfn, here, 0, false, memoryBytes, bytes, random.nextInt());
      blocks.put(gfn, here);
      memoryBytes += bytes;
    }
    return builder.build();
  }

  private BlockTable open(BlockTableBuilder.Built built, byte[] bytes, byte[] digest) {
    return BlockTable.open(
        FILE, MemorySegment.ofArray(bytes), built.blocks(), digest, RAM, 0, memoryBytes);
  }

  @ParameterizedTest
  @ValueSource(ints = {0, 1, 127, 128, 129, 128 * 128, 128 * 128 + 1, THREE_LEVELS})
  void findsWhatWasAdded(int count) {
    BlockTableBuilder.Built built = build(count);
    assertThat(built.bytes()).hasSize((int) new TableShape(count).bytes());
    BlockTable table = open(built, built.bytes(), built.digest());
    assertThat(table.chunks()).isEqualTo(Math.max(1, (count + 127) / 128));
    Random random = new Random(7);
    long last = blocks.isEmpty() ? 1000 : blocks.lastKey() + 100;
    for (int i = 0; i < 2_000; i++) {
      long gfn = FIRST_GFN + (long) (random.nextDouble() * (last - FIRST_GFN));
      BlockChunk chunk = table.chunkOf(gfn);
      int block = chunk.find(gfn);
      Integer expected = blocks.get(gfn & -BlockTable.PAGES);
      assertThat(block >= 0).isEqualTo(expected != null);
      if (expected != null) {
        assertThat(chunk.firstGfn(block)).isEqualTo(gfn & -BlockTable.PAGES);
        assertThat(chunk.here(block)).isEqualTo(expected);
      }
    }
    int seen = 0;
    for (int i = 0; i < table.chunks(); i++) {
      assertThat(table.chunk(i).number()).isEqualTo(i);
      for (int block = 0; block < table.chunk(i).count(); block++) {
        seen += blocks.containsKey(table.chunk(i).firstGfn(block)) ? 1 : 0;
      }
    }
    assertThat(seen).isEqualTo(count);
  }

  /** Every byte of the upper levels, and every 61st of the entries. */
  @Test
  void flippedByteStopsWhatNeedsItAndNothingElse() {
    BlockTableBuilder.Built built = build(THREE_LEVELS);
    TableShape shape = new TableShape(THREE_LEVELS);
    assertThat(shape.levels()).isEqualTo(3);
    byte[] bytes = built.bytes();
    int below = 1;
    for (int level = 0; level < shape.levels(); level++) {
      for (int node = 0; node < shape.nodes(level); node++) {
        int from = (int) shape.offset(level, node);
        for (int i = 0; i < shape.nodeBytes(level, node); i += level == 0 ? 61 : 1) {
          bytes[from + i] ^= (byte) (1 << i % 8);
          if (level == shape.levels() - 1) {
            assertThatThrownBy(() -> open(built, bytes, built.digest()))
                .isInstanceOf(BadSnapshotException.class);
          } else {
            BlockTable table = open(built, bytes, built.digest());
            int bad = node * below;
            int good = (bad + below) % table.chunks();
            assertThatThrownBy(() -> table.chunk(bad))
                .isInstanceOf(BadSnapshotException.class)
                .hasMessageContaining("at offset " + from + " are corrupt");
            assertThat(table.chunk(good).number()).isEqualTo(good);
          }
          bytes[from + i] ^= (byte) (1 << i % 8);
        }
      }
      below *= TableShape.FANOUT;
    }
  }

  /** Whoever computes digests can write an upper level that contradicts the one below. */
  @Test
  void contradictingLevelsAreRefusedEvenWithRightChecksums() {
    BlockTableBuilder.Built built = build(400);
    TableShape shape = new TableShape(400);
    int root = (int) shape.offset(1, 0);
    for (int child = 0; child < shape.nodes(0); child++) {
      for (int field : new int[] {0, BlockTable.CHILD_OFFSET_AT}) {
        for (long change : new long[] {-16, 16, -4096, 4096, 1L << 40, Long.MIN_VALUE}) {
          byte[] bytes = built.bytes().clone();
          ByteBuffer buffer = ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
          int at = root + child * TableShape.NODE_ENTRY_BYTES + field;
          buffer.putLong(at, buffer.getLong(at) + change);
          byte[] digest =
              SnapshotHeader.sha256().digest(Arrays.copyOfRange(bytes, root, bytes.length));
          assertThatThrownBy(
                  () -> {
                    BlockTable table = open(built, bytes, digest);
                    for (int i = 0; i < table.chunks(); i++) {
                      table.chunk(i);
                    }
                  })
              .as("child %d, field %d, %d", child, field, change)
              .isInstanceOf(BadSnapshotException.class);
        }
      }
    }
  }

  @Test
  void memoryOfAnotherLengthIsRefused() {
    BlockTableBuilder.Built built = build(400);
    memoryBytes += BlockTable.PAGE_BYTES;
    BlockTable table = open(built, built.bytes(), built.digest());
    assertThat(table.chunk(0).count()).isEqualTo(128);
    assertThatThrownBy(() -> table.chunk(3)).hasMessageContaining("do not make up");
  }

  @Test
  void version1IsVerifiedWholly() {
    BlockTableBuilder.Built built = build(THREE_LEVELS);
    byte[] flat = Arrays.copyOf(built.bytes(), THREE_LEVELS * TableShape.BLOCK_ENTRY_BYTES);
    BlockTable table = BlockTable.ofVersion1(FILE, flat, RAM, 0, memoryBytes);
    assertThat(table.chunkOf(blocks.lastKey()).find(blocks.lastKey()))
        .isEqualTo((THREE_LEVELS - 1) % 128);
    // The frame of an entry far in: below that of the one before.
    ByteBuffer.wrap(flat).order(ByteOrder.LITTLE_ENDIAN).putLong(10_000 * 32, FIRST_GFN);
    assertThatThrownBy(() -> BlockTable.ofVersion1(FILE, flat, RAM, 0, memoryBytes))
        .hasMessage("blocks: entry 10000 is impossible");
    assertThatThrownBy(
            () -> BlockTable.ofVersion1(FILE, Arrays.copyOf(flat, 33), RAM, 0, memoryBytes))
        .hasMessageContaining("do not make up");
  }
}
