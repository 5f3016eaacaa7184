package dev.quire.emulator.snapshot;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.security.MessageDigest;
import java.util.Arrays;

/** The file {@code blocks} as it grows; see {@link BlockTable}. One thread. */
final class BlockTableBuilder {
  private static final int START_BYTES = 64 * 1024;

  private ByteBuffer entries = ByteBuffer.allocate(START_BYTES).order(ByteOrder.LITTLE_ENDIAN);

  /**
   * What was built.
   *
   * @param digest SHA-256 of the root, which every byte of the others hangs on
   */
  record Built(int blocks, byte[] bytes, byte[] digest) {}

  /** Adds a block; those before it have lower frames and stand before it in {@code memory}. */
  void add(
      long firstGfn, int here, int zeros, boolean packed, long offset, int bytes, int checksum) {
    if (entries.remaining() < TableShape.BLOCK_ENTRY_BYTES) {
      ByteBuffer grown = ByteBuffer.allocate(2 * entries.capacity());
      entries = grown.put(entries.flip()).order(ByteOrder.LITTLE_ENDIAN);
    }
    entries.putLong(firstGfn).putInt(here | zeros << BlockTable.PAGES);
    entries.putInt(packed ? BlockTable.COMPRESSED : 0);
    entries.putLong(offset).putInt(bytes).putInt(checksum);
  }

  Built build() {
    return build(Arrays.copyOf(entries.array(), entries.position()));
  }

  /**
   * Puts the upper levels on entries of blocks, whatever these say.
   *
   * @param blockEntries a whole number of them
   */
  static Built build(byte[] blockEntries) {
    int blocks = blockEntries.length / TableShape.BLOCK_ENTRY_BYTES;
    TableShape shape = new TableShape(blocks);
    byte[] bytes = Arrays.copyOf(blockEntries, Math.toIntExact(shape.bytes()));
    ByteBuffer out = ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
    out.position(blockEntries.length);
    for (int level = 1; level < shape.levels(); level++) {
      int offsetInEntry = level == 1 ? BlockTable.OFFSET_AT : BlockTable.CHILD_OFFSET_AT;
      for (int node = 0; node < shape.nodes(level - 1); node++) {
        int at = Math.toIntExact(shape.offset(level - 1, node));
        out.putLong(out.getLong(at)).putLong(out.getLong(at + offsetInEntry));
        out.put(digest(bytes, at, shape.nodeBytes(level - 1, node)));
      }
    }
    int top = shape.levels() - 1;
    int root = Math.toIntExact(shape.offset(top, 0));
    return new Built(blocks, bytes, digest(bytes, root, shape.nodeBytes(top, 0)));
  }

  private static byte[] digest(byte[] bytes, int from, int length) {
    MessageDigest digest = SnapshotHeader.sha256();
    digest.update(bytes, from, length);
    return digest.digest();
  }
}
