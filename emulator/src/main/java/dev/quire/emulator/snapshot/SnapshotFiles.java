package dev.quire.emulator.snapshot;

import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Pattern;

/**
 * The names in a snapshot's directory.
 *
 * <pre>
 * DIR/CURRENT          one line: the name of the subdirectory that is the snapshot
 * DIR/LOCK             held by whoever writes
 * DIR/snapshot-N/      header, machine.json, state, blocks, memory
 * DIR/snapshot-N.part/ one being written, or left by a process that died
 * </pre>
 */
final class SnapshotFiles {
  static final String CURRENT = "CURRENT";
  static final String NEXT = "CURRENT.part";
  static final String LOCK = "LOCK";
  static final String PART = ".part";
  static final String HEADER = "header";
  static final String DESCRIPTION = "machine.json";
  static final String STATE = "state";
  static final String BLOCKS = "blocks";
  static final String MEMORY = "memory";
  static final List<String> ALL = List.of(HEADER, DESCRIPTION, STATE, BLOCKS, MEMORY);

  private static final Pattern NAME = Pattern.compile("snapshot-([1-9][0-9]{0,17})");
  private static final int LONGEST_POINTER_BYTES = 64;

  private SnapshotFiles() {}

  /** The number in a subdirectory's name, or -1 if it is not one's. */
  static long number(String name) {
    java.util.regex.Matcher matcher = NAME.matcher(name);
    return matcher.matches() ? Long.parseLong(matcher.group(1)) : -1;
  }

  /** Whether a subdirectory of that name is a snapshot, or one that was being written. */
  static boolean isSubdirectory(String name) {
    String whole = name.endsWith(PART) ? name.substring(0, name.length() - PART.length()) : name;
    return number(whole) > 0;
  }

  /** Whether what has that name belongs to a directory of snapshots. */
  static boolean isOwn(String name) {
    return isSubdirectory(name) || name.equals(CURRENT) || name.equals(NEXT) || name.equals(LOCK);
  }

  static String name(long number) {
    return "snapshot-" + number;
  }

  /**
   * The subdirectory that {@code directory/CURRENT} names, or null if there is no such file.
   *
   * @throws BadSnapshotException if it names none
   */
  static Path current(Path directory) {
    Path pointer = directory.resolve(CURRENT);
    try {
      if (!Files.isRegularFile(pointer, LinkOption.NOFOLLOW_LINKS)) {
        if (Files.exists(pointer, LinkOption.NOFOLLOW_LINKS)) {
          throw new BadSnapshotException(pointer, "not a regular file; write the snapshot again");
        }
        return null;
      }
      if (Files.size(pointer) > LONGEST_POINTER_BYTES) {
        throw bad(pointer);
      }
      String text = new String(Files.readAllBytes(pointer), StandardCharsets.ISO_8859_1);
      if (!text.endsWith("\n") || number(text.substring(0, text.length() - 1)) < 0) {
        throw bad(pointer);
      }
      return directory.resolve(text.substring(0, text.length() - 1));
    } catch (NoSuchFileException e) {
      return null;
    } catch (IOException e) {
      throw new BadSnapshotException(pointer, "cannot be read: " + e.getMessage(), e);
    }
  }

  private static BadSnapshotException bad(Path pointer) {
    return new BadSnapshotException(
        pointer, "does not name a snapshot: the file is corrupt; write the snapshot again");
  }

  /** The names in a directory. */
  static List<String> list(Path directory) throws IOException {
    List<String> names = new ArrayList<>();
    try (DirectoryStream<Path> entries = Files.newDirectoryStream(directory)) {
      entries.forEach(entry -> names.add(entry.getFileName().toString()));
    }
    return names;
  }

  /** Deletes a subdirectory with the files that a snapshot has, and nothing else. */
  static void delete(Path subdirectory) throws IOException {
    for (String file : ALL) {
      Files.deleteIfExists(subdirectory.resolve(file));
    }
    Files.deleteIfExists(subdirectory);
  }

  /** Has the names in a directory reach the disk. */
  static void sync(Path directory) throws IOException {
    try (FileChannel channel = FileChannel.open(directory, StandardOpenOption.READ)) {
      channel.force(true);
    }
  }
}
