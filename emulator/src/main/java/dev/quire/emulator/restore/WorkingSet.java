package dev.quire.emulator.restore;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.zip.CRC32C;

/**
 * The pages that a restored guest asked for, in the order in which it did. As a file: text, a first
 * line with format, snapshot and page size, then a guest physical address a line, in hexadecimal,
 * and a last line with their number and the CRC32C of all lines before. One thread at a time.
 */
public final class WorkingSet {
  private static final String FORMAT = "quire-working-set-2";
  private static final long MOST_BYTES = 1L << 30;

  private final String snapshot;
  private final long pageBytes;
  private final Set<Long> seen = new HashSet<>();
  private long[] gpas = new long[256];
  private int size;

  /**
   * An empty one.
   *
   * @param snapshot identity of what was restored
   */
  public WorkingSet(String snapshot, long pageBytes) {
    this.snapshot = snapshot;
    this.pageBytes = pageBytes;
  }

  /** Adds a page, once. */
  void add(long gpa) {
    if (!seen.add(gpa)) {
      return;
    }
    if (size == gpas.length) {
      gpas = Arrays.copyOf(gpas, 2 * size);
    }
    gpas[size++] = gpa;
  }

  public int pages() {
    return size;
  }

  public long pageBytes() {
    return pageBytes;
  }

  /** Guest physical addresses, rising. */
  long[] sorted() {
    long[] sorted = Arrays.copyOf(gpas, size);
    Arrays.sort(sorted);
    return sorted;
  }

  /** Writes it under a temporary name first: a file of that name is always whole. */
  public void write(Path file) {
    StringBuilder text = new StringBuilder();
    text.append(FORMAT).append(' ').append(snapshot).append(' ').append(pageBytes).append('\n');
    for (int i = 0; i < size; i++) {
      text.append(Long.toHexString(gpas[i])).append('\n');
    }
    text.append(lastLine(size, text)).append('\n');
    Path temporary = file.resolveSibling(file.getFileName() + ".tmp");
    try {
      try {
        Files.writeString(temporary, text);
        Files.move(temporary, file, StandardCopyOption.REPLACE_EXISTING);
      } finally {
        Files.deleteIfExists(temporary);
      }
    } catch (IOException e) {
      throw new UncheckedIOException("cannot write " + file, e);
    }
  }

  /**
   * @param before all lines, each with its end
   */
  private static String lastLine(int pages, CharSequence before) {
    CRC32C checksum = new CRC32C();
    checksum.update(before.toString().getBytes(StandardCharsets.US_ASCII));
    return "pages %d crc32c %08x".formatted(pages, checksum.getValue());
  }

  /**
   * Reads the working set of a snapshot, or null if the file does not exist.
   *
   * @param layout that every page must lie in
   * @throws BadWorkingSetException if it is of another snapshot, or no such file
   */
  public static WorkingSet read(Path file, String snapshot, GuestLayout layout) {
    List<String> lines;
    try {
      if (Files.size(file) > MOST_BYTES) {
        throw new BadWorkingSetException(file, "larger than any working set");
      }
      lines = Files.readAllLines(file, StandardCharsets.US_ASCII);
    } catch (NoSuchFileException absent) {
      return null;
    } catch (CharacterCodingException notText) {
      throw new BadWorkingSetException(file, "not a working set: line 1 is no text");
    } catch (IOException e) {
      throw new UncheckedIOException("cannot read " + file, e);
    }
    String[] head = lines.isEmpty() ? new String[0] : lines.getFirst().split(" ");
    if (head.length != 3 || !head[0].equals(FORMAT)) {
      throw new BadWorkingSetException(file, "not a working set: line 1 is not '" + FORMAT + " …'");
    }
    if (!head[1].equals(snapshot)) {
      throw new BadWorkingSetException(file, "the working set of another snapshot");
    }
    if (!head[2].equals(Long.toString(layout.pageBytes()))) {
      throw new BadWorkingSetException(
          file, "recorded with pages of %s bytes, not %d".formatted(head[2], layout.pageBytes()));
    }
    WorkingSet set = new WorkingSet(snapshot, layout.pageBytes());
    int last = lines.size() - 1;
    for (int line = 1; line < last; line++) {
      set.add(gpa(file, lines.get(line), line + 1, layout));
    }
    String before = String.join("\n", lines.subList(0, last)) + "\n";
    if (!lines.get(last).equals(lastLine(last - 1, before))) {
      throw new BadWorkingSetException(file, "cut off or changed: its last line does not fit");
    }
    return set;
  }

  private static long gpa(Path file, String text, int line, GuestLayout layout) {
    long gpa;
    try {
      gpa = Long.parseLong(text, 16);
    } catch (NumberFormatException e) {
      throw new BadWorkingSetException(file, "line %d is no address".formatted(line));
    }
    if (gpa % layout.pageBytes() != 0 || layout.addressOf(gpa) < 0) {
      throw new BadWorkingSetException(
          file, "line %d: 0x%x is no page of the guest".formatted(line, gpa));
    }
    return gpa;
  }
}
