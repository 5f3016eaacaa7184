package dev.quire.bindings;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;

/**
 * Lets a translated block tell the block hook what it was scanned to be, so that nothing has to be
 * looked up: the block passes its size to the hook as an immediate, and this class replaces that
 * immediate in the translated code by the size, the flags and the count packed together.
 *
 * <p>What the block passes then belongs to that translation: code translated anew passes a plain
 * size again and is scanned again. Where the immediate cannot be found or written the hook goes on
 * with its table.
 *
 * <p>Only for x86-64 hosts, where the call's arguments are loaded just before it, the size by
 * {@code mov edx, imm32}. Used on the engine's thread only.
 *
 * <pre>
 *  31    21 20    13 12     0
 * +--------+--------+--------+
 * | count  | flags  | size   |   flags: bits 23:16 of what {@link BlockScanner} answers
 * +--------+--------+--------+
 * </pre>
 */
final class BlockCallPatch implements AutoCloseable {
  static final int SIZE_MASK = 0x1fff;
  static final int COUNT_SHIFT = 21;
  private static final int MAX_COUNT = 0x7ff;
  private static final int FLAGS_SHIFT = 3;
  private static final int COUNT_MASK = 0xffff;
  private static final int FLAGS_MASK = 0xff0000;

  /** Added to what the scanner answered: the hook need not remember the block. */
  static final int PACKED = 1 << 30;

  private static final int MOV_EDX_IMM32 = 0xba;

  /** Four arguments of at most ten bytes each, and the call. */
  private static final int WINDOW_BYTES = 48;

  private static final int INSTRUCTION_BYTES = 5;

  private final ProcessMemory memory = ProcessMemory.openWritable();
  private final ByteBuffer word = ByteBuffer.allocate(4).order(ByteOrder.LITTLE_ENDIAN);

  /** A size with what was scanned, or 0 if it does not fit. */
  static int pack(int info, int sizeBytes) {
    int count = info & COUNT_MASK;
    boolean fits = count > 0 && count <= MAX_COUNT && sizeBytes > 0 && sizeBytes <= SIZE_MASK;
    boolean known = (info & ~(COUNT_MASK | FLAGS_MASK)) == 0;
    return fits && known
        ? count << COUNT_SHIFT | (info & FLAGS_MASK) >>> FLAGS_SHIFT | sizeBytes
        : 0;
  }

  /**
   * Replaces the size that the call before {@code returnHva} passes.
   *
   * @return {@code info}, with {@link #PACKED} if that was done
   */
  int apply(long returnHva, int sizeBytes, int info) {
    int packed = info < 0 ? 0 : pack(info, sizeBytes);
    if (packed == 0) {
      return info;
    }
    long first = returnHva - WINDOW_BYTES;
    int found = find(memory.read(first, WINDOW_BYTES), sizeBytes);
    if (found < 0) {
      return info;
    }
    word.clear().putInt(0, packed);
    return memory.write(first + found, word) ? info | PACKED : info;
  }

  /** Where the one {@code mov edx, sizeBytes} has its immediate; -1 if there is none or several. */
  static int find(ByteBuffer code, int sizeBytes) {
    int found = -1;
    for (int at = 0; at + INSTRUCTION_BYTES < code.limit(); at++) {
      if ((code.get(at) & 0xff) == MOV_EDX_IMM32 && code.getInt(at + 1) == sizeBytes) {
        if (found >= 0) {
          return -1;
        }
        found = at + 1;
      }
    }
    return found;
  }

  @Override
  public void close() {
    memory.close();
  }
}
