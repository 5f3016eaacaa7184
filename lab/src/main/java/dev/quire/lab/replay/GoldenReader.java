package dev.quire.lab.replay;

import dev.quire.emulator.json.BadJsonException;
import dev.quire.emulator.json.JsonValues;
import java.io.BufferedInputStream;
import java.io.ByteArrayOutputStream;
import java.io.Closeable;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * Reads a golden file: a header line that ends with {@code "cases":[}, one case a line, and a line
 * {@code ]}}. Only one line is in memory at a time, and a line has a greatest length, so the size
 * of a file does not matter. One thread.
 */
public final class GoldenReader implements Closeable {
  /** The longest line; the longest of a real recording has some 70,000 bytes. */
  static final int LONGEST_LINE = 4 << 20;

  private static final int LONGEST_NAME = 200;
  private static final int MOST_CASES = 1_000_000;
  private static final long PAGE_BYTES = PageRange.PAGE_BYTES;
  private static final String CASES = "\"cases\":[";

  private final String file;
  private final InputStream input;
  private final Set<String> names = new HashSet<>();
  private int line;
  private boolean ended;

  private GoldenReader(String file, InputStream input) {
    this.file = file;
    this.input = input;
  }

  /**
   * Opens a file and reads its header.
   *
   * @throws BadGoldenException if it cannot be read or is not a golden file of the modelled machine
   */
  public static GoldenReader open(Path path) {
    if (Files.isDirectory(path)) {
      throw new BadGoldenException(path + ": is a directory, a golden file was expected");
    }
    try {
      return open(path.toString(), Files.newInputStream(path));
    } catch (NoSuchFileException e) {
      throw new BadGoldenException(path + ": no such file", e);
    } catch (IOException e) {
      throw new BadGoldenException(path + ": cannot be read: " + e.getMessage(), e);
    }
  }

  static GoldenReader open(String file, InputStream input) {
    GoldenReader reader = new GoldenReader(file, new BufferedInputStream(input));
    try {
      reader.readHeader();
    } catch (BadGoldenException e) {
      reader.close();
      throw e;
    }
    return reader;
  }

  private void readHeader() {
    String text = readLine();
    if (text == null) {
      throw new BadGoldenException(file + ": is empty, a golden file was expected");
    }
    if (!text.endsWith(CASES)) {
      throw bad("a header line that ends with " + CASES + " was expected");
    }
    Map<String, Object> header = object(text + "]}");
    if (!"x86_64".equals(header.get("arch"))) {
      throw bad("the header's arch is not x86_64, the only one that is replayed");
    }
    if (!Long.valueOf(PAGE_BYTES).equals(header.get("page_size"))) {
      throw bad("the header's page_size is not 4096, the only one that is replayed");
    }
    Object defrag = header.getOrDefault("defrag", "madvise");
    if (!"madvise".equals(defrag)) {
      throw bad("the header's defrag is not madvise, the only one that is replayed");
    }
  }

  /**
   * The next case, or null after the last.
   *
   * @throws BadGoldenException if the line is no case, or the file is cut off; the rest of the file
   *     cannot be used
   */
  public GoldenCase next() {
    if (ended) {
      return null;
    }
    String text = readLine();
    if (text == null) {
      throw new BadGoldenException(
          file + ":" + line + ": the file ends without its last line ]}: it was cut off");
    }
    if (text.equals("]}")) {
      finish();
      return null;
    }
    if (names.size() == MOST_CASES) {
      throw bad("more than " + MOST_CASES + " cases");
    }
    return goldenCase(object(text.endsWith(",") ? text.substring(0, text.length() - 1) : text));
  }

  private void finish() {
    ended = true;
    String more = readLine();
    if (more != null) {
      throw bad("text after the last line ]}");
    }
    if (names.isEmpty()) {
      throw new BadGoldenException(file + ": has no cases");
    }
  }

  private GoldenCase goldenCase(Map<String, Object> members) {
    if (!(members.get("case") instanceof String name) || name.isBlank()) {
      throw bad("the case has no name");
    }
    if (name.length() > LONGEST_NAME || name.chars().anyMatch(Character::isISOControl)) {
      throw bad("the case's name is not a line of at most " + LONGEST_NAME + " characters");
    }
    if (!names.add(name)) {
      throw bad("case '" + name + "' is there twice");
    }
    return new GoldenCase(file, line, name, members);
  }

  private Map<String, Object> object(String text) {
    try {
      return JsonValues.object(text);
    } catch (BadJsonException e) {
      throw new BadGoldenException(file + ":" + line + ": " + e.getMessage(), e);
    }
  }

  private BadGoldenException bad(String reason) {
    return new BadGoldenException(file + ":" + line + ": " + reason);
  }

  /** The next line without its end and blanks around it; null at the end of the file. */
  private String readLine() {
    try {
      ByteArrayOutputStream bytes = new ByteArrayOutputStream();
      int next = input.read();
      if (next < 0) {
        return null;
      }
      line++;
      while (next >= 0 && next != '\n') {
        if (bytes.size() == LONGEST_LINE) {
          throw bad("the line is longer than " + LONGEST_LINE + " bytes");
        }
        bytes.write(next);
        next = input.read();
      }
      return StandardCharsets.UTF_8
          .newDecoder()
          .decode(ByteBuffer.wrap(bytes.toByteArray()))
          .toString()
          .strip();
    } catch (CharacterCodingException e) {
      throw new BadGoldenException(file + ":" + line + ": is not UTF-8 text", e);
    } catch (IOException e) {
      throw new BadGoldenException(file + ": cannot be read: " + e.getMessage(), e);
    }
  }

  /** The names of the cases read so far, for the message when none was chosen. */
  List<String> names() {
    return names.stream().sorted().toList();
  }

  @Override
  public void close() {
    try {
      input.close();
    } catch (IOException e) {
      throw new UncheckedIOException("cannot close " + file, e);
    }
  }
}
