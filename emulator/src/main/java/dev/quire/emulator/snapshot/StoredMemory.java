package dev.quire.emulator.snapshot;

import com.github.luben.zstd.Zstd;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import java.util.zip.CRC32C;

/**
 * The file {@code memory} behind its {@link BlockTable}, and below it the base of a diff. Blocks
 * are verified when they are first read, parts of the table when they are first needed. Any thread.
 */
final class StoredMemory implements MemoryImage {
  private static final int PAGE_BYTES = BlockTable.PAGE_BYTES;

  private final Path file;
  private final BlockTable table;
  private final MemorySegment bytes;

  /** What a diff lies on; null for a full snapshot. */
  private final MemoryImage base;

  /** The block that was unpacked last, by each thread. */
  private final ThreadLocal<Unpacked> unpacked = ThreadLocal.withInitial(Unpacked::new);

  private static final class Unpacked {
    private final byte[] pages = new byte[BlockTable.BLOCK_BYTES];
    private BlockChunk chunk;
    private int block;
  }

  StoredMemory(Path file, BlockTable table, MemorySegment bytes, MemoryImage base) {
    this.file = file;
    this.table = table;
    this.bytes = bytes;
    this.base = base;
  }

  @Override
  public long pages() {
    long pages = 0;
    if (base == null) {
      for (int i = 0; i < table.chunks(); i++) {
        BlockChunk chunk = table.chunk(i);
        for (int block = 0; block < chunk.count(); block++) {
          pages += Integer.bitCount(chunk.stored(block));
        }
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
    BlockChunk chunk = table.chunkOf(gfn);
    int found = chunk.find(gfn);
    int block = found >= 0 ? found : -1 - found;
    int from = found >= 0 ? (int) (gfn % BlockTable.PAGES) : 0;
    while (true) {
      for (; block < chunk.count(); block++) {
        int rest = chunk.stored(block) & -1 << from;
        if (rest != 0) {
          return chunk.firstGfn(block) + Integer.numberOfTrailingZeros(rest);
        }
        from = 0;
      }
      if (chunk.number() + 1 == table.chunks()) {
        return -1;
      }
      chunk = table.chunk(chunk.number() + 1);
      block = 0;
    }
  }

  /** Whether this file says what the page holds. */
  private boolean isHere(long gfn) {
    BlockChunk chunk = table.chunkOf(gfn);
    int block = chunk.find(gfn);
    return block >= 0 && (chunk.here(block) >>> gfn % BlockTable.PAGES & 1) != 0;
  }

  @Override
  public boolean isStored(long gfn) {
    BlockChunk chunk = table.chunkOf(gfn);
    int block = chunk.find(gfn);
    int page = (int) (gfn % BlockTable.PAGES);
    if (block >= 0 && (chunk.here(block) >>> page & 1) != 0) {
      return (chunk.stored(block) >>> page & 1) != 0;
    }
    return base != null && base.isStored(gfn);
  }

  @Override
  public void read(long gfn, MemorySegment target) {
    BlockChunk chunk = table.chunkOf(gfn);
    int block = chunk.find(gfn);
    int page = (int) (gfn % BlockTable.PAGES);
    if (block < 0 || (chunk.here(block) >>> page & 1) == 0) {
      if (base == null) {
        target.asSlice(0, PAGE_BYTES).fill((byte) 0);
      } else {
        base.read(gfn, target);
      }
      return;
    }
    int stored = chunk.stored(block);
    if ((stored >>> page & 1) == 0) {
      target.asSlice(0, PAGE_BYTES).fill((byte) 0);
      return;
    }
    long at = (long) Integer.bitCount(stored & (1 << page) - 1) * PAGE_BYTES;
    verify(chunk, block);
    if (chunk.isCompressed(block)) {
      byte[] pages = unpack(chunk, block);
      MemorySegment.copy(pages, (int) at, target, ValueLayout.JAVA_BYTE, 0, PAGE_BYTES);
    } else {
      MemorySegment.copy(bytes, chunk.offset(block) + at, target, 0, PAGE_BYTES);
    }
  }

  private byte[] unpack(BlockChunk chunk, int block) {
    Unpacked mine = unpacked.get();
    if (mine.chunk != chunk || mine.block != block) {
      mine.chunk = null;
      byte[] packed = slice(chunk, block).toArray(ValueLayout.JAVA_BYTE);
      long plain =
          Zstd.decompressByteArray(mine.pages, 0, mine.pages.length, packed, 0, packed.length);
      if (plain != chunk.plainBytes(block)) {
        throw corrupt(chunk, block, "does not unpack to its pages");
      }
      mine.chunk = chunk;
      mine.block = block;
    }
    return mine.pages;
  }

  private MemorySegment slice(BlockChunk chunk, int block) {
    return bytes.asSlice(chunk.offset(block), chunk.bytes(block));
  }

  private void verify(BlockChunk chunk, int block) {
    if (chunk.isVerified(block)) {
      return;
    }
    CRC32C checksum = new CRC32C();
    checksum.update(slice(chunk, block).asByteBuffer());
    if ((int) checksum.getValue() != chunk.checksum(block)) {
      throw corrupt(chunk, block, "is corrupt (its checksum differs)");
    }
    chunk.setVerified(block);
  }

  private BadSnapshotException corrupt(BlockChunk chunk, int block, String what) {
    return new BadSnapshotException(
        file,
        "the block of guest address 0x%x, %d bytes at offset %d, %s; write the snapshot again"
            .formatted(
                chunk.firstGfn(block) * PAGE_BYTES, chunk.bytes(block), chunk.offset(block), what));
  }

  @Override
  public void verifyAll() {
    for (int i = 0; i < table.chunks(); i++) {
      BlockChunk chunk = table.chunk(i);
      for (int block = 0; block < chunk.count(); block++) {
        if (chunk.bytes(block) > 0) {
          verify(chunk, block);
        }
      }
    }
    if (base != null) {
      base.verifyAll();
    }
  }
}
