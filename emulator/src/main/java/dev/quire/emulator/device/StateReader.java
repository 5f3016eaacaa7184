package dev.quire.emulator.device;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.ArrayDeque;
import java.util.Arrays;
import java.util.Deque;

/**
 * Reads what {@link StateWriter} wrote. The bytes come from a file and are not trusted: every read
 * is checked against the innermost open section, every array against the length its caller expects,
 * and every ranged value against its range; a violation is a {@link StateFormatException} that
 * names the section.
 */
public final class StateReader {
  private final ByteBuffer buffer;
  private final Deque<Section> open = new ArrayDeque<>();

  private record Section(String tag, int version, int outerLimit) {}

  public StateReader(byte[] bytes) {
    buffer = ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
  }

  /** Opens the next section, which must carry {@code tag}; returns its version, 1..newest. */
  public int begin(String tag, int newestVersion) {
    need(1);
    int tagBytes = buffer.get() & 0xff;
    need(tagBytes + 2 + 4);
    byte[] found = new byte[tagBytes];
    buffer.get(found);
    int version = buffer.getShort() & 0xffff;
    int bodyBytes = buffer.getInt();
    if (!Arrays.equals(found, tag.getBytes(StandardCharsets.US_ASCII))) {
      throw failure("expected section '" + tag + "'");
    }
    if (version < 1 || version > newestVersion) {
      throw failure(
          "section '" + tag + "' has version " + version + ", newest known is " + newestVersion);
    }
    if (bodyBytes < 0 || bodyBytes > buffer.remaining()) {
      throw failure("section '" + tag + "' is truncated");
    }
    open.push(new Section(tag, version, buffer.limit()));
    buffer.limit(buffer.position() + bodyBytes);
    return version;
  }

  /** Closes the innermost section, which must have been read to its end. */
  public void end() {
    if (buffer.hasRemaining()) {
      throw failure(buffer.remaining() + " bytes left over");
    }
    buffer.limit(open.pop().outerLimit());
  }

  /** Version of the innermost open section. */
  public int version() {
    return open.element().version();
  }

  public boolean getBoolean() {
    return getInt8(0, 1, "flag") == 1;
  }

  /** One unsigned byte. */
  public int getByte() {
    need(1);
    return buffer.get() & 0xff;
  }

  /** One unsigned byte in {@code min..max}. */
  public int getInt8(int min, int max, String what) {
    return inRange(getByte(), min, max, what);
  }

  public int getInt() {
    need(4);
    return buffer.getInt();
  }

  public int getInt(int min, int max, String what) {
    return inRange(getInt(), min, max, what);
  }

  public long getLong() {
    need(8);
    return buffer.getLong();
  }

  public long getLong(long min, long max, String what) {
    long value = getLong();
    if (value < min || value > max) {
      throw failure(what + " is " + value + ", not in " + min + ".." + max);
    }
    return value;
  }

  /** Fills the whole of {@code into}, whose length must be the stored one. */
  public void getBytes(byte[] into) {
    count(into.length);
    need(into.length);
    buffer.get(into);
  }

  /** A byte array of 0..{@code maxBytes}. */
  public byte[] getBytesUpTo(int maxBytes) {
    byte[] bytes = new byte[getInt(0, maxBytes, "length")];
    need(bytes.length);
    buffer.get(bytes);
    return bytes;
  }

  /** Fills the whole of {@code into}, whose length must be the stored one. */
  public void getInts(int[] into) {
    count(into.length);
    for (int i = 0; i < into.length; i++) {
      into[i] = getInt();
    }
  }

  /** Fills the whole of {@code into}, whose length must be the stored one. */
  public void getLongs(long[] into) {
    count(into.length);
    for (int i = 0; i < into.length; i++) {
      into[i] = getLong();
    }
  }

  /** Fails if anything follows the sections read. */
  public void requireEnd() {
    if (buffer.hasRemaining()) {
      throw failure(buffer.remaining() + " bytes left over");
    }
  }

  /** A failure for a value that is impossible where it stands. */
  public StateFormatException failure(String why) {
    String where = open.isEmpty() ? "" : " in section '" + open.element().tag() + "'";
    return new StateFormatException("saved state, byte " + buffer.position() + where + ": " + why);
  }

  private int inRange(int value, int min, int max, String what) {
    if (value < min || value > max) {
      throw failure(what + " is " + value + ", not in " + min + ".." + max);
    }
    return value;
  }

  private void count(int expected) {
    int stored = getInt();
    if (stored != expected) {
      throw failure("array of " + stored + " where " + expected + " belong");
    }
  }

  private void need(int bytes) {
    if (buffer.remaining() < bytes) {
      throw failure("truncated");
    }
  }
}
