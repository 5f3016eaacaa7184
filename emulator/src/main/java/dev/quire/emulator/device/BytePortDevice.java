package dev.quire.emulator.device;

/**
 * A port device whose registers are all one byte wide: a wider access is split into byte accesses
 * at rising ports, as the ISA bus bridge does for an 8-bit device.
 */
public interface BytePortDevice extends PortDevice {
  /** Returns 0..255. */
  int readByte(int port);

  /** {@code value} is 0..255. */
  void writeByte(int port, int value);

  @Override
  default long read(int port, int bytes) {
    long value = 0;
    for (int i = 0; i < bytes; i++) {
      value |= (readByte(port + i) & 0xffL) << (8 * i);
    }
    return value;
  }

  @Override
  default void write(int port, int bytes, long value) {
    for (int i = 0; i < bytes; i++) {
      writeByte(port + i, (int) (value >>> (8 * i)) & 0xff);
    }
  }
}
