package dev.quire.emulator.snapshot;

import dev.quire.emulator.boot.GuestRam;
import dev.quire.emulator.json.BadJsonException;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Arrays;

/** Opens snapshots. Nothing in a file is believed before its checksum is right. */
public final class SnapshotReader {
  private static final int LONGEST_CHAIN = 64;
  private static final int ATTEMPTS = 3;
  private static final long MOST_DESCRIPTION_BYTES = 1 << 20;
  private static final long MOST_STATE_BYTES = 1 << 30;
  private static final long MOST_TABLE_BYTES = new TableShape(TableShape.MOST_BLOCKS).bytes();

  private static final long[] MOST_BYTES = {
    MOST_DESCRIPTION_BYTES, MOST_STATE_BYTES, MOST_TABLE_BYTES, GuestRam.MAX_BYTES
  };

  private SnapshotReader() {}

  /**
   * Opens the snapshot in a directory and verifies its header, description, state and the root of
   * its block table; of a diff, the same of its base. The rest of the table and the blocks are
   * verified before they are used. Takes no time in proportion to memory, but for a snapshot of
   * version 1, whose table is verified wholly.
   *
   * @throws BadSnapshotException if it is not a whole snapshot that this version can restore
   */
  public static Snapshot open(Path directory) {
    return open(directory, 0, null);
  }

  /**
   * @param depth how many diffs lie on it
   * @param expected its identity as the diff on it has it, or null
   */
  private static Snapshot open(Path directory, int depth, String expected) {
    if (depth > LONGEST_CHAIN) {
      throw new BadSnapshotException(
          directory, "diffs lie on each other more than %d deep".formatted(LONGEST_CHAIN));
    }
    if (!Files.isDirectory(directory)) {
      throw new BadSnapshotException(
          directory,
          Files.exists(directory)
              ? "not a directory, so no snapshot"
              : "no such directory ('quire snapshot GUEST --at 40% --out DIR' makes one)");
    }
    for (int attempt = 1; ; attempt++) {
      Path subdirectory = SnapshotFiles.current(directory);
      try {
        return openFiles(directory, subdirectory(directory, subdirectory), depth, expected);
      } catch (BadSnapshotException e) {
        // A writer may have replaced the snapshot while it was being read.
        if (attempt == ATTEMPTS
            || subdirectory == null
            || subdirectory.equals(SnapshotFiles.current(directory))) {
          throw e;
        }
      }
    }
  }

  private static Path subdirectory(Path directory, Path named) {
    if (named == null) {
      if (Files.isRegularFile(directory.resolve(SnapshotFiles.HEADER), LinkOption.NOFOLLOW_LINKS)) {
        return directory;
      }
      throw new BadSnapshotException(
          directory, "holds no whole snapshot: neither a file CURRENT nor a header is in it");
    }
    if (!Files.isDirectory(named, LinkOption.NOFOLLOW_LINKS)) {
      throw new BadSnapshotException(named, "CURRENT names it, and it is not there");
    }
    return named;
  }

  private static Snapshot openFiles(Path directory, Path files, int depth, String expected) {
    Path headerFile = files.resolve(SnapshotFiles.HEADER);
    SnapshotHeader header =
        SnapshotHeader.read(headerFile, read(headerFile, -1, SnapshotHeader.BYTES));
    if (expected != null && !expected.equals(header.identity())) {
      throw new BadSnapshotException(
          directory,
          "snapshot %s now, while the diff is one of snapshot %s: write the diff again"
              .formatted(brief(header.identity()), brief(expected)));
    }
    byte[] json = verified(files, SnapshotFiles.DESCRIPTION, header, SnapshotHeader.DESCRIPTION);
    byte[] state = verified(files, SnapshotFiles.STATE, header, SnapshotHeader.STATE);
    DescriptionJson parsed = description(files.resolve(SnapshotFiles.DESCRIPTION), json);
    SnapshotDescription description = parsed.description();
    boolean diff = (header.flags() & SnapshotHeader.DIFF) != 0;
    if (description.architecture() != header.architecture() || diff != (parsed.base() != null)) {
      throw new BadSnapshotException(
          files, "header and machine.json contradict each other; write the snapshot again");
    }
    long memoryBytes = header.sizes()[SnapshotHeader.MEMORY];
    BlockTable table = table(files, header, description.ram());
    Snapshot base = diff ? base(directory, parsed, depth) : null;
    Path memoryFile = files.resolve(SnapshotFiles.MEMORY);
    MemoryImage memory =
        new StoredMemory(
            memoryFile,
            table,
            map(memoryFile, memoryBytes, MOST_BYTES[SnapshotHeader.MEMORY]),
            base == null ? null : base.memory());
    return new Snapshot(directory, description, header.identity(), state, memory, base);
  }

  private static BlockTable table(Path files, SnapshotHeader header, GuestRam ram) {
    Path file = files.resolve(SnapshotFiles.BLOCKS);
    long memoryBytes = header.sizes()[SnapshotHeader.MEMORY];
    if (header.version() == SnapshotHeader.VERSION_1) {
      byte[] bytes = verified(files, SnapshotFiles.BLOCKS, header, SnapshotHeader.BLOCKS);
      return BlockTable.ofVersion1(file, bytes, ram, header.flags(), memoryBytes);
    }
    MemorySegment bytes = map(file, header.sizes()[SnapshotHeader.BLOCKS], MOST_TABLE_BYTES);
    return BlockTable.open(
        file,
        bytes,
        header.blocks(),
        header.digests()[SnapshotHeader.BLOCKS],
        ram,
        header.flags(),
        memoryBytes);
  }

  private static DescriptionJson description(Path file, byte[] json) {
    try {
      return DescriptionJson.parse(new String(json, StandardCharsets.UTF_8));
    } catch (BadJsonException e) {
      throw new BadSnapshotException(file, e.getMessage(), e);
    }
  }

  private static Snapshot base(Path directory, DescriptionJson diff, int depth) {
    Path path;
    try {
      path = directory.resolve(diff.base().path());
    } catch (InvalidPathException e) {
      throw new BadSnapshotException(directory, "the path of its base is no path", e);
    }
    Snapshot base;
    try {
      base = open(path, depth + 1, diff.base().identity());
    } catch (BadSnapshotException e) {
      // Said once, however many diffs lie on the bad one.
      throw depth > 0
          ? e
          : new BadSnapshotException(directory, "a diff whose base is bad: " + e.getMessage(), e);
    }
    if (!base.description().ram().equals(diff.description().ram())) {
      throw new BadSnapshotException(directory, "a diff of a machine with other memory: " + path);
    }
    return base;
  }

  private static String brief(String identity) {
    return identity.substring(0, Math.min(12, identity.length()));
  }

  private static byte[] verified(Path files, String name, SnapshotHeader header, int index) {
    Path file = files.resolve(name);
    byte[] bytes = read(file, header.sizes()[index], MOST_BYTES[index]);
    if (!Arrays.equals(SnapshotHeader.sha256().digest(bytes), header.digests()[index])) {
      throw new BadSnapshotException(
          file, "corrupt (its checksum is not the header's); write the snapshot again");
    }
    return bytes;
  }

  /** The whole of a regular file; {@code expected} bytes long unless that is negative. */
  private static byte[] read(Path file, long expected, long most) {
    try (FileChannel channel = openRegular(file)) {
      long size = channel.size();
      requireSize(file, size, expected, most);
      ByteBuffer buffer = ByteBuffer.allocate((int) size);
      while (buffer.hasRemaining()) {
        if (channel.read(buffer) < 0) {
          throw new BadSnapshotException(file, "became shorter while it was read");
        }
      }
      return buffer.array();
    } catch (IOException e) {
      throw new BadSnapshotException(file, "cannot be read: " + e.getMessage(), e);
    }
  }

  private static MemorySegment map(Path file, long expected, long most) {
    try (FileChannel channel = openRegular(file)) {
      requireSize(file, channel.size(), expected, most);
      return expected == 0
          ? MemorySegment.NULL
          : channel.map(FileChannel.MapMode.READ_ONLY, 0, expected, Arena.ofAuto());
    } catch (IOException e) {
      throw new BadSnapshotException(file, "cannot be read: " + e.getMessage(), e);
    }
  }

  private static FileChannel openRegular(Path file) throws IOException {
    if (!Files.isRegularFile(file, LinkOption.NOFOLLOW_LINKS)) {
      throw new BadSnapshotException(
          file,
          Files.exists(file, LinkOption.NOFOLLOW_LINKS)
              ? "not a regular file"
              : "missing: the snapshot is half written or was taken apart");
    }
    return FileChannel.open(file, StandardOpenOption.READ, LinkOption.NOFOLLOW_LINKS);
  }

  private static void requireSize(Path file, long size, long expected, long most) {
    if (expected > most || expected < 0 && size > most) {
      throw new BadSnapshotException(
          file,
          "%d bytes, more than the %d there can be".formatted(Math.max(size, expected), most));
    }
    if (expected >= 0 && size != expected) {
      throw new BadSnapshotException(
          file,
          "%d bytes where the header says %d: it is %s; write the snapshot again"
              .formatted(size, expected, size < expected ? "cut off" : "too long"));
    }
  }
}
