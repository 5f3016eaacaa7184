package dev.quire.lab.stream;

import dev.quire.mmu.Access;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;

/**
 * The text of {@code valgrind --tool=lackey --trace-mem=yes}, one access a line (valgrind
 * lackey/lk_main.c):
 *
 * <pre>
 * I  04001000,3        an instruction fetched
 *  L 1ffeffe7e8,8      a load
 *  S 1ffeffe7e0,8      a store
 *  M 04025a10,4        a load and a store of the same place: here one write
 * ==1234== any text    valgrind's own words; so are lines that begin with -- or **
 * </pre>
 *
 * An access over the end of a 4 KiB page is one on each page.
 */
final class LackeyStream implements AccessStream {
  /** Addresses come behind the kind. */
  private static final int ADDRESS_COLUMN = 3;

  private static final int LONGEST_LINE = 256;
  private static final int MOST_DIGITS = 16;
  private static final int MOST_BYTES = 1 << 16;
  private static final long PAGE_MASK = 0xfff;
  private static final String EXPECTED =
      "expected 'I  ADDRESS,SIZE', ' L ADDRESS,SIZE', ' S ADDRESS,SIZE', ' M ADDRESS,SIZE'"
          + " (address in hexadecimal) or a line that begins with ==";

  private final Path file;
  private final InputStream input;
  private final byte[] buffer = new byte[1 << 16];
  private int position;
  private int limit;
  private final byte[] line = new byte[LONGEST_LINE];
  private int length;
  private long lineNumber;
  private boolean empty = true;

  /** What is left of an access over the end of a page. */
  private long restVa;

  private long restBytes;
  private int restType;

  private LackeyStream(Path file, InputStream input) {
    this.file = file;
    this.input = input;
  }

  static LackeyStream open(Path file) {
    return new LackeyStream(file, CompressedFile.open(file));
  }

  @Override
  public int read(long[] target, int most) {
    int count = 0;
    while (count < most) {
      if (restBytes > 0) {
        target[count++] = PackedAccess.of(restVa, restType, false);
        advance();
      } else if (!readLine()) {
        checkNotEmpty();
        break;
      } else if (!isComment()) {
        target[count++] = parse();
        empty = false;
      }
    }
    return count;
  }

  private void checkNotEmpty() {
    if (empty) {
      throw new BadStreamException(
          "%s: no access in its %d lines: expected the text of %s"
              .formatted(file, lineNumber - 1, "valgrind --tool=lackey --trace-mem=yes"));
    }
  }

  private void advance() {
    long inPage = PAGE_MASK + 1 - (restVa & PAGE_MASK);
    restVa += inPage;
    restBytes -= inPage;
  }

  private boolean isComment() {
    return length == 0 || length >= 2 && line[0] == line[1] && "=-*".indexOf(line[0]) >= 0;
  }

  /** The access of the line; its part on further pages becomes the rest. */
  private long parse() {
    if (length <= ADDRESS_COLUMN || line[2] != ' ') {
      throw malformed(EXPECTED);
    }
    boolean fetch = line[0] == 'I' && line[1] == ' ';
    int type =
        switch (line[0] == ' ' ? line[1] : ' ') {
          case 'L' -> Access.READ;
          case 'S', 'M' -> Access.WRITE;
          default -> Access.FETCH;
        };
    if (type == Access.FETCH && !fetch) {
      throw malformed(EXPECTED);
    }
    int at = ADDRESS_COLUMN;
    long va = 0;
    int digit;
    while (at < length && (digit = Character.digit(line[at], 16)) >= 0) {
      va = va << 4 | digit;
      at++;
    }
    int digits = at - ADDRESS_COLUMN;
    if (digits == 0 || digits > MOST_DIGITS || at >= length || line[at] != ',') {
      throw malformed(EXPECTED);
    }
    int bytes = size(at + 1);
    if (va < 0 || va > PackedAccess.HIGHEST_VA - bytes + 1) {
      throw malformed("expected a user address up to %x".formatted(PackedAccess.HIGHEST_VA));
    }
    restVa = va;
    restBytes = bytes;
    restType = type;
    advance();
    return PackedAccess.of(va, type, fetch);
  }

  private int size(int first) {
    int bytes = 0;
    for (int at = first; at < length; at++) {
      int digit = line[at] - '0';
      if (digit < 0 || digit > 9 || bytes > MOST_BYTES) {
        throw malformed(EXPECTED);
      }
      bytes = bytes * 10 + digit;
    }
    if (bytes == 0 || bytes > MOST_BYTES) {
      throw malformed("expected a size of 1 to " + MOST_BYTES);
    }
    return bytes;
  }

  /** Reads up to a newline, which is not kept; false at the end of the file. */
  private boolean readLine() {
    length = 0;
    lineNumber++;
    while (true) {
      if (position == limit && !refill()) {
        if (length != 0) {
          throw malformed("the file ends in the middle of this line");
        }
        return false;
      }
      byte next = buffer[position++];
      if (next == '\n') {
        if (length > 0 && line[length - 1] == '\r') {
          length--;
        }
        return true;
      }
      if (length < LONGEST_LINE) {
        line[length++] = next;
      } else if (!isComment()) {
        throw malformed(EXPECTED);
      }
    }
  }

  private boolean refill() {
    try {
      limit = Math.max(0, input.read(buffer, 0, buffer.length));
    } catch (IOException e) {
      throw new BadStreamException(
          CompressedFile.unreadable(file, e).getMessage() + ", after line " + (lineNumber - 1), e);
    }
    position = 0;
    return limit > 0;
  }

  private BadStreamException malformed(String expected) {
    String shown =
        new String(line, 0, Math.min(length, 60), StandardCharsets.ISO_8859_1)
            .replaceAll("\\p{Cntrl}", "?");
    return new BadStreamException(
        "%s, line %d: '%s': %s".formatted(file, lineNumber, shown, expected));
  }

  @Override
  public void close() {
    try {
      input.close();
    } catch (IOException e) {
      throw CompressedFile.unreadable(file, e);
    }
  }
}
