package dev.quire.emulator.snapshot;

import dev.quire.emulator.boot.GuestArchitecture;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.Arrays;
import java.util.HexFormat;

/**
 * The file {@code header}: 512 bytes, little-endian.
 *
 * <pre>
 *   0  magic "QUIRSNAP"          8  version      12  bytes of the header
 *  16  ELF machine of the guest 20  flags        24  bytes of a page    28  bytes of a block
 *  32  bytes of machine.json    40  of state     48  of blocks          56  of memory
 *  64  SHA-256 of machine.json  96  of state    128  of blocks         160  of memory
 *      (of blocks that of the root alone; version 1: of the file)
 * 192  producer, ASCII, padded with zeros, 64 bytes
 * 256  blocks with an entry (zeros in version 1)            264  zeros
 * 480  SHA-256 of what stands before; in hexadecimal the identity of the snapshot
 * </pre>
 *
 * @param version of the format
 * @param blocks with an entry in the block table
 * @param sizes of machine.json, state, blocks and memory, in bytes
 * @param digests of the same
 */
record SnapshotHeader(
    int version,
    GuestArchitecture architecture,
    int flags,
    int blocks,
    long[] sizes,
    byte[][] digests,
    String producer,
    String identity) {
  static final int BYTES = 512;
  static final int DIGEST_BYTES = 32;
  static final int VERSION = 2;

  /** Its block table has no levels. */
  static final int VERSION_1 = 1;

  /** The snapshot holds what changed since another. */
  static final int DIFF = 1;

  /** Blocks may be compressed by zstd. */
  static final int ZSTD = 2;

  static final int DESCRIPTION = 0;
  static final int STATE = 1;
  static final int BLOCKS = 2;
  static final int MEMORY = 3;
  static final int FILES = 4;

  private static final byte[] MAGIC = "QUIRSNAP".getBytes(StandardCharsets.US_ASCII);
  private static final int ELF_X86_64 = 62;
  private static final int ELF_AARCH64 = 183;
  private static final int SIZES_AT = 32;
  private static final int DIGESTS_AT = 64;
  private static final int PRODUCER_AT = 192;
  private static final int PRODUCER_BYTES = 64;
  private static final int BLOCKS_AT = 256;
  private static final int ZEROS_AT = 264;
  private static final int SELF_AT = 480;

  static MessageDigest sha256() {
    try {
      return MessageDigest.getInstance("SHA-256");
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException("every JDK has SHA-256", e);
    }
  }

  /** The bytes of a header with these parts. */
  static byte[] write(
      GuestArchitecture architecture,
      int flags,
      int blocks,
      long[] sizes,
      byte[][] digests,
      String producer) {
    ByteBuffer buffer = ByteBuffer.allocate(BYTES).order(ByteOrder.LITTLE_ENDIAN);
    buffer.put(MAGIC).putInt(VERSION).putInt(BYTES);
    buffer.putInt(architecture == GuestArchitecture.X86_64 ? ELF_X86_64 : ELF_AARCH64);
    buffer.putInt(flags).putInt(BlockTable.PAGE_BYTES).putInt(BlockTable.BLOCK_BYTES);
    for (int file = 0; file < FILES; file++) {
      buffer.putLong(SIZES_AT + file * Long.BYTES, sizes[file]);
      buffer.put(DIGESTS_AT + file * DIGEST_BYTES, digests[file]);
    }
    byte[] name = producer.getBytes(StandardCharsets.US_ASCII);
    buffer.put(PRODUCER_AT, name, 0, Math.min(name.length, PRODUCER_BYTES));
    buffer.putLong(BLOCKS_AT, blocks);
    buffer.put(SELF_AT, sha256().digest(Arrays.copyOf(buffer.array(), SELF_AT)));
    return buffer.array();
  }

  static SnapshotHeader read(Path file, byte[] bytes) {
    if (bytes.length < MAGIC.length + Integer.BYTES) {
      throw new BadSnapshotException(
          file, "%d bytes are no header: it is cut off".formatted(bytes.length));
    }
    ByteBuffer buffer = ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
    if (!Arrays.equals(Arrays.copyOf(bytes, MAGIC.length), MAGIC)) {
      throw new BadSnapshotException(file, "not a snapshot's header (its first bytes are others)");
    }
    int version = buffer.getInt(MAGIC.length);
    boolean whole =
        bytes.length == BYTES
            && Arrays.equals(
                Arrays.copyOfRange(bytes, SELF_AT, BYTES),
                sha256().digest(Arrays.copyOf(bytes, SELF_AT)));
    if (version != VERSION && version != VERSION_1) {
      throw new BadSnapshotException(
          file,
          version > VERSION
              ? "format version %d is newer than this Quire's %d: use the Quire that wrote it"
                  .formatted(version, VERSION)
              : "format version %d does not exist: the header is corrupt".formatted(version));
    }
    if (!whole) {
      throw new BadSnapshotException(
          file, "the header is corrupt (its checksum differs); write the snapshot again");
    }
    return parse(file, version, buffer);
  }

  private static SnapshotHeader parse(Path file, int version, ByteBuffer buffer) {
    int machine = buffer.getInt(16);
    GuestArchitecture architecture =
        switch (machine) {
          case ELF_X86_64 -> GuestArchitecture.X86_64;
          case ELF_AARCH64 -> GuestArchitecture.ARM64;
          default ->
              throw new BadSnapshotException(
                  file,
                  "of a machine of ELF number %d; this Quire has x86_64 and arm64"
                      .formatted(machine));
        };
    int flags = buffer.getInt(20);
    boolean known =
        (flags & ~(DIFF | ZSTD)) == 0
            && buffer.getInt(12) == BYTES
            && buffer.getInt(24) == BlockTable.PAGE_BYTES
            && buffer.getInt(28) == BlockTable.BLOCK_BYTES;
    for (int i = 0; i < FILES; i++) {
      known &= buffer.getLong(SIZES_AT + i * Long.BYTES) >= 0;
    }
    long tableBytes = buffer.getLong(SIZES_AT + BLOCKS * Long.BYTES);
    long blocks =
        version == VERSION_1
            ? tableBytes / TableShape.BLOCK_ENTRY_BYTES
            : buffer.getLong(BLOCKS_AT);
    known &= blocks >= 0 && blocks <= TableShape.MOST_BLOCKS;
    if (known && version != VERSION_1) {
      known = new TableShape((int) blocks).bytes() == tableBytes;
    }
    for (int at = version == VERSION_1 ? BLOCKS_AT : ZEROS_AT; at < SELF_AT; at++) {
      known &= buffer.get(at) == 0;
    }
    if (!known) {
      throw new BadSnapshotException(
          file, "flags or sizes that this Quire does not know: use the Quire that wrote it");
    }
    long[] sizes = new long[FILES];
    byte[][] digests = new byte[FILES][DIGEST_BYTES];
    for (int i = 0; i < FILES; i++) {
      sizes[i] = buffer.getLong(SIZES_AT + i * Long.BYTES);
      buffer.get(DIGESTS_AT + i * DIGEST_BYTES, digests[i]);
    }
    byte[] name = new byte[PRODUCER_BYTES];
    buffer.get(PRODUCER_AT, name);
    byte[] self = new byte[DIGEST_BYTES];
    buffer.get(SELF_AT, self);
    return new SnapshotHeader(
        version,
        architecture,
        flags,
        (int) blocks,
        sizes,
        digests,
        new String(name, StandardCharsets.US_ASCII).replace("\0", ""),
        HexFormat.of().formatHex(self));
  }
}
