package dev.quire.lab.report;

import java.io.Closeable;
import java.io.FilterOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.channels.Channels;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;

/**
 * Writes whole files: whoever reads sees the old content or the new one, after a crash too. What is
 * no regular file, a pipe or a device, is written to as it is; a link's target is replaced, not the
 * link. One thread.
 */
public final class AtomicFile implements Closeable {
  private final Path file;

  /** Beside the file until {@link #commit}; null if the file is written to directly. */
  private final Path temporary;

  private final FileChannel channel;

  private AtomicFile(Path file, Path temporary) throws IOException {
    this.file = file;
    this.temporary = temporary;
    channel =
        temporary == null
            ? FileChannel.open(file, StandardOpenOption.WRITE)
            : FileChannel.open(
                temporary,
                StandardOpenOption.CREATE,
                StandardOpenOption.TRUNCATE_EXISTING,
                StandardOpenOption.WRITE);
  }

  /** Begins to write a file, which stays as it is until {@link #commit}. */
  public static AtomicFile open(Path file) throws IOException {
    if (Files.exists(file) && !Files.isRegularFile(file)) {
      return new AtomicFile(file, null);
    }
    Path target = Files.exists(file) ? file.toRealPath() : file.toAbsolutePath();
    String name = "." + target.getFileName() + "." + ProcessHandle.current().pid() + ".tmp";
    return new AtomicFile(target, target.resolveSibling(name));
  }

  /** Replaces a file's content. */
  public static void write(Path file, byte[] content) throws IOException {
    try (AtomicFile written = open(file)) {
      written.stream().write(content);
      written.commit();
    }
  }

  /** Where the content goes; not buffered. Closing it does nothing. */
  public OutputStream stream() {
    return new FilterOutputStream(Channels.newOutputStream(channel)) {
      @Override
      public void write(byte[] bytes, int offset, int length) throws IOException {
        out.write(bytes, offset, length);
      }

      @Override
      public void close() {}
    };
  }

  /** What was written becomes the file's content: fsync, rename, fsync of the folder. */
  public void commit() throws IOException {
    if (temporary != null) {
      channel.force(true);
      channel.close();
      Files.move(
          temporary, file, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
      syncFolder(file.getParent());
    }
  }

  /** Gives up what was written and not committed. */
  @Override
  public void close() throws IOException {
    channel.close();
    if (temporary != null) {
      Files.deleteIfExists(temporary);
    }
  }

  private static void syncFolder(Path folder) {
    try (FileChannel channel = FileChannel.open(folder, StandardOpenOption.READ)) {
      channel.force(true);
    } catch (IOException ignored) {
      // Some file systems have no fsync of folders; the content itself is safe.
    }
  }
}
