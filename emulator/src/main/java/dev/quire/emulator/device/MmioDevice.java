package dev.quire.emulator.device;

/**
 * A device behind a range of guest physical addresses.
 *
 * <p>{@code bytes} is 1, 2, 4 or 8 and {@code offsetBytes} lies inside the mapped range with the
 * whole access; nothing else may be assumed: the access can be unaligned, wider or narrower than a
 * register, or hit no register at all. Implementations never throw. Values are little-endian, in
 * the low {@code 8 * bytes} bits; a caller ignores the bits above. Machine thread only.
 */
public interface MmioDevice {
  long read(long offsetBytes, int bytes);

  void write(long offsetBytes, int bytes, long value);
}
