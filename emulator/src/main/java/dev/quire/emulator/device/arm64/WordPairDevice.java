package dev.quire.emulator.device.arm64;

import dev.quire.emulator.device.MmioDevice;

/**
 * Registers of 32 and 64 bits that may be accessed by byte, half word, word and double word: each
 * access is cut into words of which it covers some bytes.
 */
interface WordPairDevice extends MmioDevice {
  /**
   * @param offset a multiple of 4
   */
  int readWord(int offset);

  /**
   * @param mask the bits that are written; the others of {@code value} are 0
   */
  void writeWord(int offset, int value, int mask);

  @Override
  default long read(long offsetBytes, int bytes) {
    long value = 0;
    for (int done = 0; done < bytes; ) {
      int at = (int) offsetBytes + done;
      int lane = at & 3;
      int count = Math.min(4 - lane, bytes - done);
      long word = (readWord(at & ~3) & 0xffff_ffffL) >>> Byte.SIZE * lane;
      value |= (word & (1L << Byte.SIZE * count) - 1) << Byte.SIZE * done;
      done += count;
    }
    return value;
  }

  @Override
  default void write(long offsetBytes, int bytes, long value) {
    for (int done = 0; done < bytes; ) {
      int at = (int) offsetBytes + done;
      int lane = at & 3;
      int count = Math.min(4 - lane, bytes - done);
      int mask = (int) ((1L << Byte.SIZE * count) - 1) << Byte.SIZE * lane;
      int word = (int) (value >>> Byte.SIZE * done) << Byte.SIZE * lane;
      writeWord(at & ~3, word & mask, mask);
      done += count;
    }
  }
}
