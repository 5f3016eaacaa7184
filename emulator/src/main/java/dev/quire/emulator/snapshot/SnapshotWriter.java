package dev.quire.emulator.snapshot;

import com.github.luben.zstd.Zstd;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.channels.OverlappingFileLockException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.security.MessageDigest;
import java.util.Arrays;
import java.util.zip.CRC32C;

/**
 * Writes snapshots. Whoever dies at any moment leaves the directory's old snapshot whole, or the
 * new one: files are written and synced under a name that no reader takes, the directory is
 * renamed, and one rename of the file {@code CURRENT} puts the new in place of the old.
 */
public final class SnapshotWriter {
  private final Path directory;
  private final String producer;
  private final boolean compress;

  /**
   * @param directory is made if it is missing; a snapshot in it is replaced
   * @param producer who writes, such as "quire 0.1.0", at most 64 bytes of ASCII
   * @param compress whether blocks are compressed by zstd
   */
  public SnapshotWriter(Path directory, String producer, boolean compress) {
    this.directory = directory;
    this.producer = producer;
    this.compress = compress;
  }

  /**
   * What was written.
   *
   * @param pages stored
   * @param bytes of all files
   */
  public record Written(String identity, long pages, long bytes) {}

  /** Thrown for a directory that is not a snapshot's; one line for the user. */
  public static final class RefusedException extends RuntimeException {
    private static final long serialVersionUID = 1;

    RefusedException(Path directory, String what) {
      super(directory + ": " + what);
    }
  }

  /**
   * Writes a snapshot that needs no other.
   *
   * @throws RefusedException if something else is in the directory, or another process writes
   * @throws IOException if the disk will not take it, in one line; the old snapshot is whole, and
   *     what was written is deleted
   */
  public Written write(SnapshotDescription description, byte[] state, PageSource memory)
      throws IOException {
    return write(description, state, memory, null, null);
  }

  /**
   * Writes what changed since {@code base}, which must stay where it is, as must what that lies on.
   *
   * @param changed which pages may differ from the base
   */
  public Written writeDiff(
      SnapshotDescription description,
      byte[] state,
      PageSource memory,
      Snapshot base,
      ChangedPages changed)
      throws IOException {
    return write(description, state, memory, base, changed);
  }

  /** Names the pages of a diff. */
  public interface ChangedPages {
    /** The smallest at or above {@code gfn}, or -1. */
    long next(long gfn);
  }

  /**
   * Refuses, before there is anything to write, a directory that cannot take a snapshot.
   *
   * @param base of the diff that will be written, or null
   * @throws RefusedException saying why
   * @throws IOException if the directory cannot be looked at
   */
  public void check(Snapshot base) throws IOException {
    new SnapshotTarget(directory).require(base);
  }

  private Written write(
      SnapshotDescription description,
      byte[] state,
      PageSource memory,
      Snapshot base,
      ChangedPages changed)
      throws IOException {
    try {
      SnapshotTarget target = new SnapshotTarget(directory);
      target.require(base);
      Files.createDirectories(directory);
      DescriptionJson.Base onto =
          base == null ? null : new DescriptionJson.Base(target.pathTo(base), base.identity());
      return replace(new DescriptionJson(description, onto), state, memory, changed);
    } catch (IOException e) {
      throw SnapshotTarget.inWords(directory, e);
    }
  }

  private Written replace(
      DescriptionJson description, byte[] state, PageSource memory, ChangedPages changed)
      throws IOException {
    Path parent = directory.toAbsolutePath().getParent();
    try (FileChannel channel =
            FileChannel.open(
                directory.resolve(SnapshotFiles.LOCK),
                StandardOpenOption.CREATE,
                StandardOpenOption.WRITE,
                LinkOption.NOFOLLOW_LINKS);
        FileLock lock = lock(channel)) {
      if (!lock.isValid()) {
        throw new IOException("the lock of " + directory + " was lost");
      }
      Path old = currentOrNull();
      sweep(old);
      long number = nextNumber();
      Path part = directory.resolve(SnapshotFiles.name(number) + SnapshotFiles.PART);
      Files.createDirectory(part);
      Written written = writePart(part, description, state, memory, changed);
      Files.move(
          part, directory.resolve(SnapshotFiles.name(number)), StandardCopyOption.ATOMIC_MOVE);
      SnapshotFiles.sync(directory);
      point(SnapshotFiles.name(number));
      if (parent != null) {
        SnapshotFiles.sync(parent);
      }
      sweep(directory.resolve(SnapshotFiles.name(number)));
      return written;
    }
  }

  private FileLock lock(FileChannel channel) throws IOException {
    FileLock lock;
    try {
      lock = channel.tryLock();
    } catch (OverlappingFileLockException e) {
      lock = null;
    }
    if (lock == null) {
      throw new RefusedException(directory, "another process writes a snapshot there");
    }
    return lock;
  }

  /** The snapshot in place; null if there is none, or a pointer that names nothing. */
  private Path currentOrNull() {
    try {
      return SnapshotFiles.current(directory);
    } catch (BadSnapshotException e) {
      return null;
    }
  }

  /** Deletes what processes that died left, and what is replaced. */
  private void sweep(Path keep) throws IOException {
    for (String name : SnapshotFiles.list(directory)) {
      Path entry = directory.resolve(name);
      if (SnapshotFiles.isSubdirectory(name) && !entry.equals(keep)) {
        SnapshotFiles.delete(entry);
      }
    }
    Files.deleteIfExists(directory.resolve(SnapshotFiles.NEXT));
  }

  private long nextNumber() throws IOException {
    long last = 0;
    for (String name : SnapshotFiles.list(directory)) {
      last = Math.max(last, SnapshotFiles.number(name));
    }
    return last + 1;
  }

  private void point(String name) throws IOException {
    Path next = directory.resolve(SnapshotFiles.NEXT);
    writeFile(next, (name + "\n").getBytes(StandardCharsets.US_ASCII));
    Files.move(
        next,
        directory.resolve(SnapshotFiles.CURRENT),
        StandardCopyOption.ATOMIC_MOVE,
        StandardCopyOption.REPLACE_EXISTING);
    SnapshotFiles.sync(directory);
  }

  /** What could not be written to its end would only fill the disk. */
  private Written writePart(
      Path part, DescriptionJson description, byte[] state, PageSource memory, ChangedPages changed)
      throws IOException {
    try {
      Written written = writeFiles(part, description, state, memory, changed);
      SnapshotFiles.sync(part);
      return written;
    } catch (IOException | RuntimeException failure) {
      try {
        SnapshotFiles.delete(part);
      } catch (IOException left) {
        failure.addSuppressed(left);
      }
      throw failure;
    }
  }

  private Written writeFiles(
      Path part, DescriptionJson description, byte[] state, PageSource memory, ChangedPages changed)
      throws IOException {
    byte[] json = description.text().getBytes(StandardCharsets.UTF_8);
    MemoryFile file = new MemoryFile(changed);
    try (FileChannel out = create(part.resolve(SnapshotFiles.MEMORY))) {
      file.write(out, memory);
      out.force(true);
    } catch (FailedWriteException e) {
      throw e.failure();
    }
    BlockTableBuilder.Built table = file.table.build();
    long[] sizes = {json.length, state.length, table.bytes().length, file.offset};
    byte[][] digests = {
      SnapshotHeader.sha256().digest(json),
      SnapshotHeader.sha256().digest(state),
      table.digest(),
      file.digest.digest(),
    };
    int flags =
        (description.base() == null ? 0 : SnapshotHeader.DIFF)
            | (compress ? SnapshotHeader.ZSTD : 0);
    byte[] header =
        SnapshotHeader.write(
            description.description().architecture(),
            flags,
            table.blocks(),
            sizes,
            digests,
            producer);
    writeFile(part.resolve(SnapshotFiles.DESCRIPTION), json);
    writeFile(part.resolve(SnapshotFiles.STATE), state);
    writeFile(part.resolve(SnapshotFiles.BLOCKS), table.bytes());
    writeFile(part.resolve(SnapshotFiles.HEADER), header);
    Path headerFile = part.resolve(SnapshotFiles.HEADER);
    return new Written(
        SnapshotHeader.read(headerFile, header).identity(),
        file.pages,
        Arrays.stream(sizes).sum() + header.length);
  }

  private static FileChannel create(Path file) throws IOException {
    return FileChannel.open(file, StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE);
  }

  private static void writeFile(Path file, byte[] bytes) throws IOException {
    Files.deleteIfExists(file);
    try (FileChannel out = create(file)) {
      writeAll(out, ByteBuffer.wrap(bytes));
      out.force(true);
    }
  }

  private static void writeAll(FileChannel out, ByteBuffer bytes) throws IOException {
    while (bytes.hasRemaining()) {
      out.write(bytes);
    }
  }

  /** Carries a failure of the disk through a visitor. */
  private static final class FailedWriteException extends RuntimeException {
    private static final long serialVersionUID = 1;

    FailedWriteException(IOException cause) {
      super(cause);
    }

    IOException failure() {
      return (IOException) getCause();
    }
  }

  /** The file {@code memory} and its table as they grow, block by block. */
  private final class MemoryFile {
    private final ChangedPages changed;
    private final MessageDigest digest = SnapshotHeader.sha256();
    private final byte[] plain = new byte[BlockTable.BLOCK_BYTES];
    private final BlockTableBuilder table = new BlockTableBuilder();
    private long block = -1;
    private int here;
    private int zeros;
    private int plainBytes;
    private long nextChanged;
    private long offset;
    private long pages;

    /**
     * @param changed null for all
     */
    MemoryFile(ChangedPages changed) {
      this.changed = changed;
      nextChanged = changed == null ? -1 : changed.next(0);
    }

    void write(FileChannel out, PageSource memory) throws IOException {
      memory.forEach(
          (gfn, bytes) -> {
            try {
              if (changed == null || isChanged(out, gfn)) {
                page(out, gfn, bytes);
              }
            } catch (IOException e) {
              throw new FailedWriteException(e);
            }
          });
      zerosBefore(out, Long.MAX_VALUE);
      endBlock(out);
    }

    /** Of a diff: notes the changed pages below, which hold zeros now. */
    private boolean isChanged(FileChannel out, long gfn) throws IOException {
      zerosBefore(out, gfn);
      if (nextChanged != gfn) {
        return false;
      }
      nextChanged = changed.next(gfn + 1);
      return true;
    }

    private void zerosBefore(FileChannel out, long gfn) throws IOException {
      while (nextChanged >= 0 && nextChanged < gfn) {
        page(out, nextChanged, null);
        nextChanged = changed.next(nextChanged + 1);
      }
    }

    /**
     * @param bytes null for zeros
     */
    private void page(FileChannel out, long gfn, MemorySegment bytes) throws IOException {
      long itsBlock = gfn / BlockTable.PAGES;
      if (itsBlock != block) {
        endBlock(out);
        block = itsBlock;
      }
      int bit = 1 << gfn % BlockTable.PAGES;
      here |= bit;
      if (bytes == null) {
        zeros |= bit;
        return;
      }
      MemorySegment.copy(bytes, ValueLayout.JAVA_BYTE, 0, plain, plainBytes, BlockTable.PAGE_BYTES);
      plainBytes += BlockTable.PAGE_BYTES;
      pages++;
    }

    private void endBlock(FileChannel out) throws IOException {
      if (here == 0) {
        return;
      }
      byte[] stored = plain;
      int bytes = plainBytes;
      if (compress && plainBytes > 0) {
        byte[] packed = Zstd.compress(Arrays.copyOf(plain, plainBytes));
        if (packed.length < plainBytes) {
          stored = packed;
          bytes = packed.length;
        }
      }
      CRC32C checksum = new CRC32C();
      checksum.update(stored, 0, bytes);
      digest.update(stored, 0, bytes);
      writeAll(out, ByteBuffer.wrap(stored, 0, bytes));
      table.add(
          block * BlockTable.PAGES,
          here,
          zeros,
          stored != plain,
          offset,
          bytes,
          (int) checksum.getValue());
      offset += bytes;
      here = 0;
      zeros = 0;
      plainBytes = 0;
    }
  }
}
