package dev.quire.kvm.server;

import java.io.IOException;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.AtomicMoveNotSupportedException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.attribute.PosixFilePermissions;

/**
 * The path of a UNIX socket that nobody but its user can open at any moment: the socket is bound in
 * a folder of mode 0700, gets mode 0600 there, and is renamed to its place. A socket there that
 * nobody listens on any more is replaced; anything else is left alone.
 */
final class SocketPath implements AutoCloseable {
  private static final int MOST_BYTES = 107;

  private final Path path;
  private final Path folder;
  private final Path first;

  private SocketPath(Path path, Path folder) {
    this.path = path;
    this.folder = folder;
    this.first = folder.resolve("s");
  }

  /**
   * Makes the folder beside {@code path}.
   *
   * @throws IOException with one line to tell the user
   */
  static SocketPath prepare(Path path) throws IOException {
    Path absolute = path.toAbsolutePath();
    Path parent = absolute.getParent();
    if (parent == null || !Files.isDirectory(parent)) {
      throw new IOException("no folder " + parent + " for the socket; make it first");
    }
    if (Files.exists(absolute, LinkOption.NOFOLLOW_LINKS)) {
      checkStale(absolute);
    }
    Path folder =
        Files.createTempDirectory(
            parent,
            ".q",
            PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rwx------")));
    SocketPath result = new SocketPath(absolute, folder);
    if (tooLong(result.first) || tooLong(absolute)) {
      Files.delete(folder);
      throw new IOException("the socket's path is too long (107 bytes at most): " + absolute);
    }
    return result;
  }

  /** For sockaddr_un: clients connect to the path itself, the service binds in the folder. */
  private static boolean tooLong(Path path) {
    return path.toString().getBytes(StandardCharsets.UTF_8).length > MOST_BYTES;
  }

  private static void checkStale(Path path) throws IOException {
    Object type = Files.getAttribute(path, "unix:mode", LinkOption.NOFOLLOW_LINKS);
    boolean socket = type instanceof Integer mode && (mode & 0xf000) == 0xc000;
    if (!socket) {
      throw new IOException(path + " exists and is no socket; remove it or choose another path");
    }
    try (SocketChannel channel = SocketChannel.open(StandardProtocolFamily.UNIX)) {
      channel.connect(UnixDomainSocketAddress.of(path));
    } catch (IOException e) {
      // Nobody listens: left over from a service that was killed.
      return;
    }
    throw new IOException("a service listens at " + path + " already");
  }

  /** Where to bind. */
  Path bindPath() {
    return first;
  }

  /** Moves the bound socket to its place. */
  void publish() throws IOException {
    Files.setPosixFilePermissions(first, PosixFilePermissions.fromString("rw-------"));
    try {
      Files.move(first, path, StandardCopyOption.ATOMIC_MOVE);
    } catch (AtomicMoveNotSupportedException e) {
      throw new IOException("the file system of " + path + " has no atomic rename", e);
    }
    Files.delete(folder);
  }

  Path path() {
    return path;
  }

  /** Removes what there is. */
  @Override
  public void close() throws IOException {
    for (Path left : new Path[] {first, folder, path}) {
      try {
        Files.deleteIfExists(left);
      } catch (NoSuchFileException e) {
        // Somebody was quicker.
        continue;
      }
    }
  }
}
