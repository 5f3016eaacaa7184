package dev.quire.emulator.boot;

import java.io.ByteArrayOutputStream;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.LinkedHashMap;
import java.util.Map;

/**
 * Writes a flattened device tree, version 17: Devicetree Specification 0.4, chapter 5.
 *
 * <pre>
 *  header (40 bytes) | reservation block (16) | structure block | strings block
 * </pre>
 *
 * Call {@link #begin} and {@link #end} in pairs, properties of a node before its children, and
 * {@link #finish} last.
 */
public final class DeviceTreeWriter {
  private static final int MAGIC = 0xd00dfeed;
  private static final int VERSION = 17;
  private static final int LAST_COMPATIBLE_VERSION = 16;
  private static final int HEADER_BYTES = 40;
  private static final int RESERVATION_BYTES = 16;
  private static final int BEGIN_NODE = 1;
  private static final int END_NODE = 2;
  private static final int PROPERTY = 3;
  private static final int END = 9;

  private final ByteArrayOutputStream structure = new ByteArrayOutputStream();
  private final ByteArrayOutputStream strings = new ByteArrayOutputStream();
  private final Map<String, Integer> stringOffsets = new LinkedHashMap<>();
  private int depth;

  /** Opens a node; the root's name is empty. */
  public DeviceTreeWriter begin(String name) {
    putCell(BEGIN_NODE);
    putText(name);
    depth++;
    return this;
  }

  public DeviceTreeWriter end() {
    if (depth-- == 0) {
      throw new IllegalStateException("no node is open");
    }
    putCell(END_NODE);
    return this;
  }

  /** A property without a value. */
  public DeviceTreeWriter flag(String name) {
    return bytes(name, new byte[0]);
  }

  /** A list of 32-bit cells. */
  public DeviceTreeWriter cells(String name, int... cells) {
    ByteBuffer value = ByteBuffer.allocate(cells.length * Integer.BYTES);
    for (int cell : cells) {
      value.putInt(cell);
    }
    return bytes(name, value.array());
  }

  /** A list of numbers of two cells each: addresses and lengths. */
  public DeviceTreeWriter doubleCells(String name, long... numbers) {
    ByteBuffer value = ByteBuffer.allocate(numbers.length * Long.BYTES);
    for (long number : numbers) {
      value.putLong(number);
    }
    return bytes(name, value.array());
  }

  /** A list of texts. */
  public DeviceTreeWriter texts(String name, String... texts) {
    return bytes(name, (String.join("\0", texts) + "\0").getBytes(StandardCharsets.UTF_8));
  }

  public DeviceTreeWriter bytes(String name, byte[] value) {
    if (depth == 0) {
      throw new IllegalStateException("property " + name + " belongs to no node");
    }
    putCell(PROPERTY);
    putCell(value.length);
    putCell(stringOffset(name));
    structure.writeBytes(value);
    pad();
    return this;
  }

  /** The blob. */
  public byte[] finish() {
    if (depth != 0) {
      throw new IllegalStateException(depth + " nodes are still open");
    }
    putCell(END);
    int structureOffset = HEADER_BYTES + RESERVATION_BYTES;
    int stringsOffset = structureOffset + structure.size();
    return ByteBuffer.allocate(stringsOffset + strings.size())
        .putInt(MAGIC)
        .putInt(stringsOffset + strings.size())
        .putInt(structureOffset)
        .putInt(stringsOffset)
        .putInt(HEADER_BYTES)
        .putInt(VERSION)
        .putInt(LAST_COMPATIBLE_VERSION)
        .putInt(0)
        .putInt(strings.size())
        .putInt(structure.size())
        .putLong(0)
        .putLong(0)
        .put(structure.toByteArray())
        .put(strings.toByteArray())
        .array();
  }

  private int stringOffset(String name) {
    return stringOffsets.computeIfAbsent(
        name,
        added -> {
          int offset = strings.size();
          strings.writeBytes(added.getBytes(StandardCharsets.US_ASCII));
          strings.write(0);
          return offset;
        });
  }

  private void putCell(int cell) {
    structure.writeBytes(ByteBuffer.allocate(Integer.BYTES).putInt(cell).array());
  }

  private void putText(String text) {
    structure.writeBytes(text.getBytes(StandardCharsets.US_ASCII));
    structure.write(0);
    pad();
  }

  private void pad() {
    while (structure.size() % Integer.BYTES != 0) {
      structure.write(0);
    }
  }
}
