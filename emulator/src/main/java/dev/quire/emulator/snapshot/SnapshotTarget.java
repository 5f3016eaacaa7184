package dev.quire.emulator.snapshot;

import java.io.IOException;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.Path;

/** The directory that a snapshot is to be written to: what may be there already. Stateless. */
final class SnapshotTarget {
  private final Path directory;

  SnapshotTarget(Path directory) {
    this.directory = directory;
  }

  /**
   * Refuses a directory that a snapshot cannot, or must not, be written to. Changes nothing.
   *
   * @param base that a diff will lie on, or null
   * @throws SnapshotWriter.RefusedException saying why
   */
  void require(Snapshot base) throws IOException {
    if (Files.isSymbolicLink(directory)
        || Files.exists(directory) && !Files.isDirectory(directory)) {
      throw new SnapshotWriter.RefusedException(directory, "not a directory; choose another --out");
    }
    Path there = nearest();
    if (!Files.isDirectory(there)) {
      throw new SnapshotWriter.RefusedException(
          directory, there + " is no folder; choose another --out");
    }
    if (!Files.isWritable(there)) {
      throw new SnapshotWriter.RefusedException(
          directory, there + " cannot be written; choose another --out");
    }
    if (Files.exists(directory)) {
      requireOwn();
      requireApart(base);
    }
  }

  /** The directory, or the nearest above it that exists. */
  private Path nearest() {
    Path there = directory.toAbsolutePath();
    while (!Files.exists(there) && there.getParent() != null) {
      there = there.getParent();
    }
    return there;
  }

  /** Nothing but a snapshot's own files may be there: others could be lost. */
  private void requireOwn() throws IOException {
    for (String name : SnapshotFiles.list(directory)) {
      if (!SnapshotFiles.isOwn(name)) {
        throw new SnapshotWriter.RefusedException(
            directory, "holds '" + name + "', which is no snapshot's; choose another --out");
      }
    }
  }

  /** Whoever writes here deletes what is here: a diff would lose what it lies on. */
  private void requireApart(Snapshot base) throws IOException {
    Path here = directory.toRealPath();
    for (Snapshot below = base; below != null; below = below.base()) {
      if (below.location().toRealPath().startsWith(here)) {
        throw new SnapshotWriter.RefusedException(
            directory, "--base lies on the snapshot there; choose another --out");
      }
    }
  }

  /**
   * The way to {@code base} from the directory, which must exist: between what links lead to, as
   * the system itself takes ".." from there.
   */
  String pathTo(Snapshot base) throws IOException {
    Path from = directory.toRealPath();
    Path to = base.location().toRealPath();
    return from.getRoot().equals(to.getRoot()) ? from.relativize(to).toString() : to.toString();
  }

  /** What a failure of the file system says, in words: its class alone names some of them. */
  static IOException inWords(Path directory, IOException failure) {
    String why = failure.getMessage();
    if (failure instanceof FileSystemException named) {
      why = named.getReason() == null ? named.getClass().getSimpleName() : named.getReason();
      why = named.getFile() + ": " + why;
    }
    return new IOException("cannot write " + directory + ": " + why, failure);
  }
}
