package dev.quire.emulator.snapshot;

import com.github.luben.zstd.Zstd;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import java.util.concurrent.atomic.AtomicIntegerArray;
import java.util.zip.CRC32C;

/**
 * The file {@code memory} behind its {@link BlockTable}, and below it the base of a diff. Blocks
 * are verified when they are first read. Any thread.
 */
final class StoredMemory implements MemoryImage {
  private static final int PAGE_BYTES = BlockTable.PAGE_BYTES;

  private final Path file;
  private final BlockTable table;
  private final MemorySegment bytes;

  /** What a diff lies on; null for a full snapshot. */
  private final MemoryImage base;

  /** One bit a block. */
  private final AtomicIntegerArray verified;

  /** The block that was unpacked last, by each thread. */
  private final ThreadLocal<Unpacked> unpacked = ThreadLocal.withInitial(Unpacked::new);

  private static final class Unpacked {
    private final byte[] pages = new byte[BlockTable.BLOCK_BYTES];
    private int block = -1;
  }

  StoredMemory(Path file, BlockTable table, MemorySegment bytes, MemoryImage base) {
    this.file = file;
    this.table = table;
    this.bytes = bytes;
    this.base = base;
    verified = new AtomicIntegerArray((table.count() + Integer.SIZE - 1) / Integer.SIZE);
  }

  @Override
  public long pages() {
    long pages = 0;
    if (base == null) {
      for (int block = 0; block < table.count(); block++) {
        pages += Integer.bitCount(table.stored(block));
      }
      return pages;
    }
    for (long gfn = nextStored(0); gfn >= 0; gfn = nextStored(gfn + 1)) {
      pages++;
    }
    return pages;
  }

  @Override
  public long nextStored(long gfn) {
    long own = next(gfn);
    if (base == null) {
      return own;
    }
    long below = base.nextStored(gfn);
    // Not further than the own page: who visits all pages looks at each once.
    while (below >= 0 && (own < 0 || below < own) && isHere(below)) {
      below = base.nextStored(below + 1);
    }
    return own < 0 || below < 0 ? Math.max(own, below) : Math.min(own, below);
  }

  /** The smallest frame at or above {@code gfn} with bytes in this file, or -1. */
  private long next(long gfn) {
    if (gfn < 0) {
      return -1;
    }
    int found = table.find(gfn);
    int block = found >= 0 ? found : -1 - found;
    int from = found >= 0 ? (int) (gfn % BlockTable.PAGES) : 0;
    for (; block < table.count(); block++) {
      int rest = table.stored(block) & -1 << from;
      if (rest != 0) {
        return table.firstGfn(block) + Integer.numberOfTrailingZeros(rest);
      }
      from = 0;
    }
    return -1;
  }

  /** Whether this file says what the page holds. */
  private boolean isHere(long gfn) {
    int block = table.find(gfn);
    return block >= 0 && (table.here(block) >>> gfn % BlockTable.PAGES & 1) != 0;
  }

  @Override
  public boolean isStored(long gfn) {
    int block = table.find(gfn);
    int page = (int) (gfn % BlockTable.PAGES);
    if (block >= 0 && (table.here(block) >>> page & 1) != 0) {
      return (table.stored(block) >>> page & 1) != 0;
    }
    return base != null && base.isStored(gfn);
  }

  @Override
  public void read(long gfn, MemorySegment target) {
    int block = table.find(gfn);
    int page = (int) (gfn % BlockTable.PAGES);
    if (block < 0 || (table.here(block) >>> page & 1) == 0) {
      if (base == null) {
        target.asSlice(0, PAGE_BYTES).fill((byte) 0);
      } else {
        base.read(gfn, target);
      }
      return;
    }
    int stored = table.stored(block);
    if ((stored >>> page & 1) == 0) {
      target.asSlice(0, PAGE_BYTES).fill((byte) 0);
      return;
    }
    long at = (long) Integer.bitCount(stored & (1 << page) - 1) * PAGE_BYTES;
    verify(block);
    if (table.isCompressed(block)) {
      MemorySegment.copy(unpack(block), (int) at, target, ValueLayout.JAVA_BYTE, 0, PAGE_BYTES);
    } else {
      MemorySegment.copy(bytes, table.offset(block) + at, target, 0, PAGE_BYTES);
    }
  }

  private byte[] unpack(int block) {
    Unpacked mine = unpacked.get();
    if (mine.block != block) {
      mine.block = -1;
      byte[] packed = slice(block).toArray(ValueLayout.JAVA_BYTE);
      long plain =
          Zstd.decompressByteArray(mine.pages, 0, mine.pages.length, packed, 0, packed.length);
      if (plain != table.plainBytes(block)) {
        throw corrupt(block, "does not unpack to its pages");
      }
      mine.block = block;
    }
    return mine.pages;
  }

  private MemorySegment slice(int block) {
    return bytes.asSlice(table.offset(block), table.bytes(block));
  }

  private void verify(int block) {
    int bit = 1 << block % Integer.SIZE;
    if ((verified.get(block / Integer.SIZE) & bit) != 0) {
      return;
    }
    CRC32C checksum = new CRC32C();
    checksum.update(slice(block).asByteBuffer());
    if ((int) checksum.getValue() != table.checksum(block)) {
      throw corrupt(block, "is corrupt (its checksum differs)");
    }
    verified.getAndUpdate(block / Integer.SIZE, bits -> bits | bit);
  }

  private BadSnapshotException corrupt(int block, String what) {
    return new BadSnapshotException(
        file,
        "the block of guest address 0x%x, %d bytes at offset %d, %s; write the snapshot again"
            .formatted(
                table.firstGfn(block) * PAGE_BYTES, table.bytes(block), table.offset(block), what));
  }

  @Override
  public void verifyAll() {
    for (int block = 0; block < table.count(); block++) {
      if (table.bytes(block) > 0) {
        verify(block);
      }
    }
    if (base != null) {
      base.verifyAll();
    }
  }
}
