package dev.quire.emulator.device;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.ArrayDeque;
import java.util.Deque;

/**
 * Writes device state as plain little-endian bytes.
 *
 * <p>Grammar: {@code section := tagBytes:u8 tag:ascii version:u16 bodyBytes:u32 body}; a body holds
 * primitives, counted arrays ({@code count:u32} first) and nested sections. Nothing is
 * self-describing inside a body: the version says what it holds.
 */
public final class StateWriter {
  private static final int MAX_TAG_BYTES = 64;

  private ByteBuffer buffer = ByteBuffer.allocate(1024).order(ByteOrder.LITTLE_ENDIAN);
  private final Deque<Integer> openBodies = new ArrayDeque<>();

  /** Opens a section; {@code tag} is 1..64 ASCII characters, {@code version} 1..65535. */
  public StateWriter begin(String tag, int version) {
    byte[] bytes = tag.getBytes(StandardCharsets.US_ASCII);
    if (bytes.length == 0 || bytes.length > MAX_TAG_BYTES || version < 1 || version > 0xffff) {
      throw new IllegalArgumentException("section " + tag + " version " + version);
    }
    room(1 + bytes.length + 2 + 4);
    buffer.put((byte) bytes.length).put(bytes).putShort((short) version).putInt(0);
    openBodies.push(buffer.position());
    return this;
  }

  /** Closes the innermost open section. */
  public StateWriter end() {
    int start = openBodies.pop();
    buffer.putInt(start - 4, buffer.position() - start);
    return this;
  }

  public StateWriter putBoolean(boolean value) {
    return putByte(value ? 1 : 0);
  }

  /** Stores the low 8 bits. */
  public StateWriter putByte(int value) {
    room(1);
    buffer.put((byte) value);
    return this;
  }

  public StateWriter putInt(int value) {
    room(4);
    buffer.putInt(value);
    return this;
  }

  public StateWriter putLong(long value) {
    room(8);
    buffer.putLong(value);
    return this;
  }

  public StateWriter putBytes(byte[] values) {
    putInt(values.length);
    room(values.length);
    buffer.put(values);
    return this;
  }

  public StateWriter putInts(int[] values) {
    putInt(values.length);
    room(4 * values.length);
    for (int value : values) {
      buffer.putInt(value);
    }
    return this;
  }

  public StateWriter putLongs(long[] values) {
    putInt(values.length);
    room(8 * values.length);
    for (long value : values) {
      buffer.putLong(value);
    }
    return this;
  }

  /** What was written so far; every section must be closed. */
  public byte[] toByteArray() {
    if (!openBodies.isEmpty()) {
      throw new IllegalStateException(openBodies.size() + " sections still open");
    }
    byte[] bytes = new byte[buffer.position()];
    buffer.get(0, bytes);
    return bytes;
  }

  private void room(int bytes) {
    if (buffer.remaining() < bytes) {
      int capacity = Math.max(2 * buffer.capacity(), buffer.position() + bytes);
      buffer = ByteBuffer.allocate(capacity).order(ByteOrder.LITTLE_ENDIAN).put(buffer.flip());
    }
  }
}
