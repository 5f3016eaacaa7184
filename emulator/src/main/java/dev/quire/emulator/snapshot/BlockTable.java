package dev.quire.emulator.snapshot;

import dev.quire.emulator.boot.GuestRam;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.concurrent.atomic.AtomicReferenceArray;

/**
 * The file {@code blocks}: where the pages of each aligned block of 64 KiB are in {@code memory}. A
 * tree ({@link TableShape}), so that opening a snapshot costs the same whatever its size: a node is
 * read, verified and kept when it is first needed.
 *
 * <pre>
 * entry of a block, 32 bytes, by rising frame
 *  0  first frame of the block   8  mask of its pages that are here   10  of these, all zeros (diffs)
 * 12  flags: 1 compressed       16  offset in memory   24  bytes there   28  CRC32C of those bytes
 *
 * entry of a node below, 48 bytes
 *  0  first frame in it   8  offset in memory of its first block   16  SHA-256 of the node
 * </pre>
 *
 * The pages that are here and not zero stand one behind the other, by rising frame. Any thread.
 */
final class BlockTable {
  static final int PAGE_BYTES = 4096;
  static final int PAGES = 16;
  static final int BLOCK_BYTES = PAGES * PAGE_BYTES;
  static final int COMPRESSED = 1;
  static final int OFFSET_AT = 16;
  static final int CHILD_OFFSET_AT = 8;
  static final int CHILD_DIGEST_AT = 16;

  private final Path file;
  private final MemorySegment bytes;
  private final TableShape shape;
  private final BlockChunk.Rules rules;
  private final Node root;

  /** A node of a level above 0, verified. */
  private static final class Inner implements Node {
    private final ByteBuffer entries;
    private final AtomicReferenceArray<Node> children;

    /** Of what is below. */
    private final Span span;

    Inner(ByteBuffer entries, Span span) {
      this.entries = entries;
      this.span = span;
      children = new AtomicReferenceArray<>(entries.capacity() / TableShape.NODE_ENTRY_BYTES);
    }

    long firstGfn(int child) {
      return entries.getLong(child * TableShape.NODE_ENTRY_BYTES);
    }

    long offset(int child) {
      return entries.getLong(child * TableShape.NODE_ENTRY_BYTES + CHILD_OFFSET_AT);
    }

    byte[] digest(int child) {
      byte[] digest = new byte[SnapshotHeader.DIGEST_BYTES];
      entries.get(child * TableShape.NODE_ENTRY_BYTES + CHILD_DIGEST_AT, digest);
      return digest;
    }

    Span span(int child) {
      boolean last = child == children.length() - 1;
      return new Span(
          firstGfn(child),
          last ? span.endGfn : firstGfn(child + 1),
          offset(child),
          last ? span.endOffset : offset(child + 1));
    }

    /** The last child that begins at or below {@code gfn}; the first if none does. */
    int childOf(long gfn) {
      int low = 0;
      int high = children.length() - 1;
      while (low < high) {
        int middle = (low + high + 1) >>> 1;
        if (firstGfn(middle) <= gfn) {
          low = middle;
        } else {
          high = middle - 1;
        }
      }
      return low;
    }
  }

  /** What the tree consists of. */
  sealed interface Node permits Inner, BlockChunk {}

  /**
   * What the levels above say of a node.
   *
   * @param firstGfn of its first block, or -1 where that is not known: the root
   * @param endGfn above every frame in it
   * @param offset of its first block in {@code memory}
   * @param endOffset where its last block ends there
   */
  record Span(long firstGfn, long endGfn, long offset, long endOffset) {}

  private BlockTable(
      Path file,
      MemorySegment bytes,
      TableShape shape,
      BlockChunk.Rules rules,
      byte[] digest,
      long memoryBytes) {
    this.file = file;
    this.bytes = bytes;
    this.shape = shape;
    this.rules = rules;
    root = load(shape.levels() - 1, 0, new Span(-1, Long.MAX_VALUE, 0, memoryBytes), digest);
  }

  /**
   * Opens a table and verifies its root.
   *
   * @param bytes the file, of the length that so many blocks have
   * @param digest SHA-256 of the root
   * @param flags of the header
   * @throws BadSnapshotException if the root is not what was written, or cannot be
   */
  static BlockTable open(
      Path file,
      MemorySegment bytes,
      int blocks,
      byte[] digest,
      GuestRam ram,
      int flags,
      long memoryBytes) {
    TableShape shape = new TableShape(blocks);
    return new BlockTable(
        file, bytes, shape, new BlockChunk.Rules(file, ram, flags), digest, memoryBytes);
  }

  /**
   * A table of version 1, which has no levels: it is verified wholly.
   *
   * @param source the file, whose bytes are those that were written
   * @throws BadSnapshotException if an entry cannot be
   */
  static BlockTable ofVersion1(
      Path file, byte[] source, GuestRam ram, int flags, long memoryBytes) {
    if (source.length % TableShape.BLOCK_ENTRY_BYTES != 0) {
      throw notTheMemory(file, memoryBytes);
    }
    BlockTableBuilder.Built built = BlockTableBuilder.build(source);
    MemorySegment bytes = MemorySegment.ofArray(built.bytes());
    BlockTable table = open(file, bytes, built.blocks(), built.digest(), ram, flags, memoryBytes);
    for (int chunk = 0; chunk < table.chunks(); chunk++) {
      table.chunk(chunk);
    }
    return table;
  }

  static BadSnapshotException notTheMemory(Path file, long memoryBytes) {
    return new BadSnapshotException(
        file, "its blocks do not make up the %d bytes of memory".formatted(memoryBytes));
  }

  /** How many chunks there are; at least one, which may be empty. */
  int chunks() {
    return shape.nodes(0);
  }

  /** A chunk by its number, verified. */
  BlockChunk chunk(int number) {
    Node node = root;
    int at = 0;
    for (int level = shape.levels() - 1; level > 0; level--) {
      int below = number;
      for (int i = 1; i < level; i++) {
        below /= TableShape.FANOUT;
      }
      node = child((Inner) node, level, at, below - at * TableShape.FANOUT);
      at = below;
    }
    return (BlockChunk) node;
  }

  /** The only chunk, verified, that can hold {@code gfn}; the first for frames below them all. */
  BlockChunk chunkOf(long gfn) {
    Node node = root;
    int at = 0;
    for (int level = shape.levels() - 1; level > 0; level--) {
      int child = ((Inner) node).childOf(gfn);
      node = child((Inner) node, level, at, child);
      at = at * TableShape.FANOUT + child;
    }
    return (BlockChunk) node;
  }

  private Node child(Inner parent, int level, int number, int child) {
    Node known = parent.children.get(child);
    if (known != null) {
      return known;
    }
    int node = number * TableShape.FANOUT + child;
    Node loaded = load(level - 1, node, parent.span(child), parent.digest(child));
    // Another thread may have been faster; what it noted as verified is kept.
    Node before = parent.children.compareAndExchange(child, null, loaded);
    return before == null ? loaded : before;
  }

  private Node load(int level, int node, Span span, byte[] digest) {
    byte[] own = new byte[shape.nodeBytes(level, node)];
    MemorySegment.copy(bytes, ValueLayout.JAVA_BYTE, shape.offset(level, node), own, 0, own.length);
    if (!Arrays.equals(SnapshotHeader.sha256().digest(own), digest)) {
      throw new BadSnapshotException(
          file,
          "the %d bytes at offset %d are corrupt (their checksum differs); write the snapshot again"
              .formatted(own.length, shape.offset(level, node)));
    }
    ByteBuffer entries = ByteBuffer.wrap(own).order(ByteOrder.LITTLE_ENDIAN);
    if (level == 0) {
      return new BlockChunk(rules, node, entries, span);
    }
    Inner inner = new Inner(entries, span);
    check(inner, level, node);
    return inner;
  }

  private void check(Inner inner, int level, int node) {
    Span span = inner.span;
    for (int i = 0; i < inner.children.length(); i++) {
      long firstGfn = inner.firstGfn(i);
      long offset = inner.offset(i);
      boolean legal =
          i == 0
              ? firstGfn >= 0
                  && (span.firstGfn < 0 || firstGfn == span.firstGfn)
                  && offset == span.offset
              : firstGfn > inner.firstGfn(i - 1) && offset >= inner.offset(i - 1);
      if (!legal || firstGfn >= span.endGfn || offset > span.endOffset) {
        throw new BadSnapshotException(
            file,
            "entry %d of level %d is impossible".formatted(node * TableShape.FANOUT + i, level));
      }
    }
  }
}
