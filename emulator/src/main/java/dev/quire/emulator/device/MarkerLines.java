package dev.quire.emulator.device;

import java.nio.charset.StandardCharsets;

/**
 * Collects the bytes a guest writes to its marker device into lines: one line, one marker. A line
 * longer than {@value #MAX_LINE_BYTES} bytes is cut there and goes on as the next marker, so a
 * guest cannot grow the buffer. Bytes outside printable ASCII become '?'.
 */
public final class MarkerLines implements DeviceState {
  static final int MAX_LINE_BYTES = 1024;

  private final MachineControl machine;
  private final byte[] line = new byte[MAX_LINE_BYTES];
  private int length;

  public MarkerLines(MachineControl machine) {
    this.machine = machine;
  }

  /** Takes one byte; only its low 8 bits count. */
  public void write(int value) {
    int character = value & 0xff;
    if (character == '\n') {
      flush();
    } else if (character != '\r') {
      line[length++] = character < 0x20 || character > 0x7e ? (byte) '?' : (byte) character;
      if (length == MAX_LINE_BYTES) {
        flush();
      }
    }
  }

  private void flush() {
    String text = new String(line, 0, length, StandardCharsets.US_ASCII);
    length = 0;
    machine.marker(text);
  }

  @Override
  public void save(StateWriter writer) {
    byte[] held = new byte[length];
    System.arraycopy(line, 0, held, 0, length);
    writer.begin("markers", 1).putBytes(held).end();
  }

  @Override
  public void load(StateReader reader) {
    reader.begin("markers", 1);
    byte[] held = reader.getBytesUpTo(MAX_LINE_BYTES - 1);
    System.arraycopy(held, 0, line, 0, held.length);
    length = held.length;
    reader.end();
  }
}
