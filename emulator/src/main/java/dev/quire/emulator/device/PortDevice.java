package dev.quire.emulator.device;

/**
 * A device behind a range of x86 I/O ports.
 *
 * <p>{@code port} is the absolute port number; {@code bytes} is 1, 2 or 4 and the access lies
 * inside the claimed range. Implementations never throw. Values are little-endian, in the low
 * {@code 8 * bytes} bits; a caller ignores the bits above. Machine thread only.
 */
public interface PortDevice {
  long read(int port, int bytes);

  void write(int port, int bytes, long value);
}
