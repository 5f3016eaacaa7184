package dev.quire.bindings;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;
import static java.lang.foreign.ValueLayout.JAVA_SHORT;

import java.lang.foreign.MemorySegment;

/**
 * The process's whole address space as one segment, for native structs reached by pointer. No
 * bounds check guards these accesses: callers hold an address they own or were handed by a library.
 */
final class RawMemory {
  static final MemorySegment ALL = MemorySegment.NULL.reinterpret(Long.MAX_VALUE);

  private RawMemory() {}

  static long getLong(long address) {
    return ALL.get(JAVA_LONG, address);
  }

  static void putLong(long address, long value) {
    ALL.set(JAVA_LONG, address, value);
  }

  static int getInt(long address) {
    return ALL.get(JAVA_INT, address);
  }

  static void putInt(long address, int value) {
    ALL.set(JAVA_INT, address, value);
  }

  static int getShort(long address) {
    return ALL.get(JAVA_SHORT, address) & 0xffff;
  }

  static void putShort(long address, int value) {
    ALL.set(JAVA_SHORT, address, (short) value);
  }

  static int getByte(long address) {
    return ALL.get(JAVA_BYTE, address) & 0xff;
  }
}
