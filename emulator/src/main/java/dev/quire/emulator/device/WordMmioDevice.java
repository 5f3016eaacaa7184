package dev.quire.emulator.device;

/**
 * An MMIO device whose registers are 32-bit words at word-aligned offsets.
 *
 * <p>An aligned 8-byte access becomes two word accesses, low word first. A narrow read takes its
 * bytes out of the word. A narrow write to the start of a word writes the zero-extended value (what
 * an APB slave without byte strobes sees from {@code strb} on a data register); any other narrow
 * write is dropped. An access that straddles words reads as all ones and its write is dropped.
 */
public interface WordMmioDevice extends MmioDevice {
  /** {@code offsetBytes} is a multiple of 4. */
  int readWord(long offsetBytes);

  /** {@code offsetBytes} is a multiple of 4. */
  void writeWord(long offsetBytes, int value);

  @Override
  default long read(long offsetBytes, int bytes) {
    int inWord = (int) (offsetBytes & 3);
    if (bytes == 8) {
      if (inWord != 0) {
        return -1L;
      }
      long low = readWord(offsetBytes) & 0xffff_ffffL;
      return low | (long) readWord(offsetBytes + 4) << 32;
    }
    if (inWord + bytes > 4) {
      return -1L;
    }
    long word = readWord(offsetBytes - inWord) & 0xffff_ffffL;
    return word >>> (8 * inWord) & (1L << (8 * bytes)) - 1;
  }

  @Override
  default void write(long offsetBytes, int bytes, long value) {
    if ((offsetBytes & 3) != 0) {
      return;
    }
    if (bytes == 8) {
      writeWord(offsetBytes, (int) value);
      writeWord(offsetBytes + 4, (int) (value >>> 32));
      return;
    }
    writeWord(offsetBytes, (int) (bytes == 4 ? value : value & (1L << (8 * bytes)) - 1));
  }
}
