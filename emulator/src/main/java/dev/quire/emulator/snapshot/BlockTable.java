package dev.quire.emulator.snapshot;

import dev.quire.emulator.boot.GuestRam;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Path;
import java.util.Arrays;

/**
 * The file {@code blocks}: where the pages of each aligned block of 64 KiB are in {@code memory},
 * 32 bytes a block that has any, by rising frame.
 *
 * <pre>
 *  0  first frame of the block   8  mask of its pages that are here   10  of these, all zeros (diffs)
 * 12  flags: 1 compressed       16  offset in memory   24  bytes there   28  CRC32C of those bytes
 * </pre>
 *
 * The pages that are here and not zero stand one behind the other, by rising frame. Immutable.
 */
final class BlockTable {
  static final int PAGE_BYTES = 4096;
  static final int PAGES = 16;
  static final int BLOCK_BYTES = PAGES * PAGE_BYTES;
  static final int ENTRY_BYTES = 32;
  static final int COMPRESSED = 1;

  private static final int PAGE_SHIFT = 12;
  private static final int PAGE_MASK = (1 << PAGES) - 1;

  private final long[] firstGfns;

  /** Mask of pages here, and above it that of zero ones. */
  private final int[] masks;

  private final long[] offsets;
  private final int[] bytes;
  private final int[] checksums;
  private final boolean[] compressed;

  private BlockTable(int count) {
    firstGfns = new long[count];
    masks = new int[count];
    offsets = new long[count];
    bytes = new int[count];
    checksums = new int[count];
    compressed = new boolean[count];
  }

  /**
   * Reads a table whose bytes are those that were written.
   *
   * @param flags of the header
   * @throws BadSnapshotException if an entry cannot be
   */
  static BlockTable read(Path file, byte[] source, GuestRam ram, int flags, long memoryBytes) {
    int count = source.length / ENTRY_BYTES;
    BlockTable table = new BlockTable(count);
    ByteBuffer buffer = ByteBuffer.wrap(source).order(ByteOrder.LITTLE_ENDIAN);
    long end = 0;
    for (int i = 0; i < count; i++) {
      int at = i * ENTRY_BYTES;
      table.firstGfns[i] = buffer.getLong(at);
      table.masks[i] = buffer.getInt(at + 8);
      int entryFlags = buffer.getInt(at + 12);
      table.compressed[i] = entryFlags == COMPRESSED;
      table.offsets[i] = buffer.getLong(at + 16);
      table.bytes[i] = buffer.getInt(at + 24);
      table.checksums[i] = buffer.getInt(at + 28);
      boolean legal =
          (entryFlags & ~COMPRESSED) == 0
              && (!table.compressed[i] || (flags & SnapshotHeader.ZSTD) != 0)
              && ((flags & SnapshotHeader.DIFF) != 0 || table.masks[i] >>> PAGES == 0)
              && table.offsets[i] == end
              && table.isPossible(i, ram);
      if (!legal) {
        throw new BadSnapshotException(file, "entry %d is impossible".formatted(i));
      }
      end += table.bytes[i];
    }
    if (source.length % ENTRY_BYTES != 0 || end != memoryBytes) {
      throw new BadSnapshotException(
          file, "its blocks do not make up the %d bytes of memory".formatted(memoryBytes));
    }
    return table;
  }

  private boolean isPossible(int block, GuestRam ram) {
    long first = firstGfns[block];
    int here = here(block);
    int zeros = masks[block] >>> PAGES;
    if (here == 0
        || (zeros & ~here) != 0
        || first < 0
        || first % PAGES != 0
        || first > GuestRam.MAX_BYTES * 2 >>> PAGE_SHIFT
        || block > 0 && first <= firstGfns[block - 1]) {
      return false;
    }
    long low = first + Integer.numberOfTrailingZeros(here);
    long high = first + (Integer.SIZE - 1 - Integer.numberOfLeadingZeros(here));
    if (!ram.contains(low << PAGE_SHIFT, high - low + 1 << PAGE_SHIFT)) {
      return false;
    }
    int plain = plainBytes(block);
    return compressed[block] ? bytes[block] > 0 && bytes[block] < plain : bytes[block] == plain;
  }

  int count() {
    return firstGfns.length;
  }

  /** The block that holds {@code gfn}, or, as -1 less than its negative, the next above. */
  int find(long gfn) {
    return Arrays.binarySearch(firstGfns, gfn & -PAGES);
  }

  long firstGfn(int block) {
    return firstGfns[block];
  }

  /** Mask of the pages that this snapshot says something of. */
  int here(int block) {
    return masks[block] & PAGE_MASK;
  }

  /** Mask of the pages that have bytes. */
  int stored(int block) {
    return masks[block] & ~(masks[block] >>> PAGES) & PAGE_MASK;
  }

  long offset(int block) {
    return offsets[block];
  }

  int bytes(int block) {
    return bytes[block];
  }

  int checksum(int block) {
    return checksums[block];
  }

  boolean isCompressed(int block) {
    return compressed[block];
  }

  /** Bytes of the block's pages before compression. */
  int plainBytes(int block) {
    return Integer.bitCount(stored(block)) * PAGE_BYTES;
  }

  static void putEntry(
      ByteBuffer out,
      long firstGfn,
      int here,
      int zeros,
      boolean packed,
      long offset,
      int bytes,
      int checksum) {
    out.putLong(firstGfn).putInt(here | zeros << PAGES).putInt(packed ? COMPRESSED : 0);
    out.putLong(offset).putInt(bytes).putInt(checksum);
  }
}
