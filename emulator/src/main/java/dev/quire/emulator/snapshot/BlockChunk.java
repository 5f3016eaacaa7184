package dev.quire.emulator.snapshot;

import dev.quire.emulator.boot.GuestRam;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.concurrent.atomic.AtomicIntegerArray;

/**
 * A node of level 0 of a {@link BlockTable}, verified: entries of blocks, and which of these blocks
 * are verified. Any thread.
 */
final class BlockChunk implements BlockTable.Node {
  private static final int PAGE_SHIFT = 12;
  private static final int PAGE_MASK = (1 << BlockTable.PAGES) - 1;
  private static final int MASKS_AT = 8;
  private static final int FLAGS_AT = 12;
  private static final int BYTES_AT = 24;
  private static final int CHECKSUM_AT = 28;

  private final int number;
  private final ByteBuffer entries;
  private final int count;

  /** One bit a block. */
  private final AtomicIntegerArray verified =
      new AtomicIntegerArray(TableShape.FANOUT / Integer.SIZE);

  /**
   * What entries are held against.
   *
   * @param flags of the header
   */
  record Rules(Path file, GuestRam ram, int flags) {}

  /**
   * @param entries of the bytes that were written
   * @throws BadSnapshotException if one cannot be
   */
  BlockChunk(Rules rules, int number, ByteBuffer entries, BlockTable.Span span) {
    this.number = number;
    this.entries = entries;
    count = entries.capacity() / TableShape.BLOCK_ENTRY_BYTES;
    long end = span.offset();
    boolean first = span.firstGfn() < 0 || count > 0 && firstGfn(0) == span.firstGfn();
    for (int i = 0; i < count; i++) {
      if (!first || offset(i) != end || firstGfn(i) >= span.endGfn() || !isPossible(i, rules)) {
        throw new BadSnapshotException(
            rules.file, "entry %d is impossible".formatted(number * TableShape.FANOUT + i));
      }
      end += bytes(i);
    }
    if (end != span.endOffset()) {
      throw BlockTable.notTheMemory(rules.file, span.endOffset());
    }
  }

  private boolean isPossible(int block, Rules rules) {
    int flags = entries.getInt(at(block) + FLAGS_AT);
    long first = firstGfn(block);
    int here = here(block);
    int zeros = masks(block) >>> BlockTable.PAGES;
    if ((flags & ~BlockTable.COMPRESSED) != 0
        || flags != 0 && (rules.flags & SnapshotHeader.ZSTD) == 0
        || zeros != 0 && (rules.flags & SnapshotHeader.DIFF) == 0
        || here == 0
        || (zeros & ~here) != 0
        || first < 0
        || first % BlockTable.PAGES != 0
        || first > GuestRam.MAX_BYTES * 2 >>> PAGE_SHIFT
        || block > 0 && first <= firstGfn(block - 1)) {
      return false;
    }
    long low = first + Integer.numberOfTrailingZeros(here);
    long high = first + (Integer.SIZE - 1 - Integer.numberOfLeadingZeros(here));
    if (!rules.ram.contains(low << PAGE_SHIFT, high - low + 1 << PAGE_SHIFT)) {
      return false;
    }
    int bytes = bytes(block);
    int plain = plainBytes(block);
    return isCompressed(block) ? bytes > 0 && bytes < plain : bytes == plain;
  }

  private static int at(int block) {
    return block * TableShape.BLOCK_ENTRY_BYTES;
  }

  private int masks(int block) {
    return entries.getInt(at(block) + MASKS_AT);
  }

  /** Counted from 0, by rising frames. */
  int number() {
    return number;
  }

  /** Blocks in this chunk; the index of the methods below is less. */
  int count() {
    return count;
  }

  /** The block that holds {@code gfn}, or, as -1 less than its negative, the next above. */
  int find(long gfn) {
    long wanted = gfn & -BlockTable.PAGES;
    int low = 0;
    int high = count - 1;
    while (low <= high) {
      int middle = (low + high) >>> 1;
      long found = firstGfn(middle);
      if (found == wanted) {
        return middle;
      }
      if (found < wanted) {
        low = middle + 1;
      } else {
        high = middle - 1;
      }
    }
    return -1 - low;
  }

  long firstGfn(int block) {
    return entries.getLong(at(block));
  }

  /** Mask of the pages that this snapshot says something of. */
  int here(int block) {
    return masks(block) & PAGE_MASK;
  }

  /** Mask of the pages that have bytes. */
  int stored(int block) {
    int masks = masks(block);
    return masks & ~(masks >>> BlockTable.PAGES) & PAGE_MASK;
  }

  long offset(int block) {
    return entries.getLong(at(block) + BlockTable.OFFSET_AT);
  }

  int bytes(int block) {
    return entries.getInt(at(block) + BYTES_AT);
  }

  int checksum(int block) {
    return entries.getInt(at(block) + CHECKSUM_AT);
  }

  boolean isCompressed(int block) {
    return entries.getInt(at(block) + FLAGS_AT) == BlockTable.COMPRESSED;
  }

  /** Bytes of the block's pages before compression. */
  int plainBytes(int block) {
    return Integer.bitCount(stored(block)) * BlockTable.PAGE_BYTES;
  }

  /** Whether the block's bytes are known to be those that were written. */
  boolean isVerified(int block) {
    return (verified.get(block / Integer.SIZE) >>> block % Integer.SIZE & 1) != 0;
  }

  void setVerified(int block) {
    verified.getAndUpdate(block / Integer.SIZE, bits -> bits | 1 << block % Integer.SIZE);
  }
}
