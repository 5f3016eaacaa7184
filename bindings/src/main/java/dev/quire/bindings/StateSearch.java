package dev.quire.bindings;

import java.nio.ByteBuffer;
import java.util.function.LongConsumer;

/**
 * Searches a library's private structs for values put there through its public API. A hit counts
 * only if it follows the value through two changes and is the only one.
 */
final class StateSearch implements AutoCloseable {
  private static final int ENGINE_BYTES = 4096;
  private static final int CPU_BYTES = 0x12000;
  private static final int NONE = -1;
  private static final int AMBIGUOUS = -2;

  /** Where libunicorn 2.1 has uc_struct.invalid_addr. */
  private static final int KNOWN_INVALID_ADDRESS = 1416;

  private final ProcessMemory memory = ProcessMemory.open();
  private final Uc uc;

  StateSearch(Uc uc) {
    this.uc = uc;
  }

  /** Where the state was found: the pointer's offset in uc_struct, the state's in the CPU. */
  record Place(int cpuInEngine, int envInCpu) {}

  /**
   * Finds the pointer to the CPU object whose state holds {@code pattern} at {@code offset}.
   *
   * @param known where a known library has it; looked at first
   * @throws NativeLibraryException when nothing holds it
   */
  Place findCpu(long[] pattern, int offset, Place known) {
    long expected = memory.readLong(uc.handle() + known.cpuInEngine());
    if (plausible(expected) && holds(expected + known.envInCpu() + offset, pattern)) {
      return known;
    }
    return findCpu(uc.handle(), pattern, offset);
  }

  /**
   * The search without a hint. Other objects of the engine may lie on the heap just below the CPU
   * object, at a distance that differs from run to run: of all pointers that lead to the pattern
   * the nearest one is the object's own.
   */
  Place findCpu(long engineHva, long[] pattern, int offset) {
    ByteBuffer engine = memory.read(engineHva, ENGINE_BYTES);
    Place nearest = null;
    for (int at = 0; at + 8 <= engine.limit(); at += 8) {
      long pointer = engine.getLong(at);
      int found = plausible(pointer) ? indexOf(memory.read(pointer, CPU_BYTES), pattern) : NONE;
      if (found >= offset && (nearest == null || found - offset < nearest.envInCpu())) {
        nearest = new Place(at, found - offset);
      }
    }
    if (nearest == null) {
      throw unknown("its registers were not found");
    }
    return nearest;
  }

  /** Whether the word of 4 or 8 bytes at an address is {@code value}; false where unreadable. */
  boolean isAt(long address, int width, long value) {
    ByteBuffer bytes = memory.read(address, width);
    return bytes.limit() == width && word(bytes, 0, width) == value;
  }

  private static boolean plausible(long pointer) {
    return pointer > 0xffff && (pointer & 7) == 0 && pointer < 1L << 56;
  }

  private boolean holds(long address, long[] pattern) {
    ByteBuffer bytes = memory.read(address, 8 * pattern.length);
    return bytes.limit() == 8 * pattern.length && indexOf(bytes, pattern) == 0;
  }

  private static int indexOf(ByteBuffer bytes, long[] pattern) {
    for (int at = 0; at + 8 * pattern.length <= bytes.limit(); at += 8) {
      int i = 0;
      while (i < pattern.length && bytes.getLong(at + 8 * i) == pattern[i]) {
        i++;
      }
      if (i == pattern.length) {
        return at;
      }
    }
    return NONE;
  }

  ByteBuffer read(long address, int bytes) {
    return memory.read(address, bytes);
  }

  ByteBuffer readEngine() {
    return memory.read(uc.handle(), ENGINE_BYTES);
  }

  /**
   * The one offset whose word of {@code width} bytes is first in one image, second in the other.
   */
  static int follow(
      String what, ByteBuffer first, long value1, ByteBuffer second, long value2, int width) {
    int found = NONE;
    for (int at = 0; at + width <= Math.min(first.limit(), second.limit()); at += width) {
      if (word(first, at, width) == value1 && word(second, at, width) == value2) {
        found = found == NONE ? at : AMBIGUOUS;
      }
    }
    if (found < 0 || value1 == value2) {
      throw unknown(what + (found == NONE ? " was not found" : " is ambiguous"));
    }
    return found;
  }

  /**
   * Where the engine notes the address of an access that failed.
   *
   * @param loadFrom runs a load of a virtual address where nothing is mapped
   */
  int findInvalidAddress(LongConsumer loadFrom) {
    long where1 = 0x5a17_c0de_1238L;
    long where2 = 0x5a17_c0de_7778L;
    long expected = uc.handle() + KNOWN_INVALID_ADDRESS;
    loadFrom.accept(where1);
    boolean follows = isAt(expected, 8, where1);
    loadFrom.accept(where2);
    if (follows && isAt(expected, 8, where2)) {
      return KNOWN_INVALID_ADDRESS;
    }
    loadFrom.accept(where1);
    ByteBuffer first = readEngine();
    loadFrom.accept(where2);
    return follow("invalid_addr", first, where1, readEngine(), where2, 8);
  }

  private static long word(ByteBuffer bytes, int at, int width) {
    return width == 4 ? bytes.getInt(at) & 0xffffffffL : bytes.getLong(at);
  }

  /** Refuses the library unless what was seen is what the known layout says. */
  static void expect(String what, long seen, long expected) {
    if (seen != expected) {
      throw unknown(
          what
              + " reads 0x"
              + Long.toHexString(seen)
              + " where 0x"
              + Long.toHexString(expected)
              + " was put");
    }
  }

  static NativeLibraryException unknown(String why) {
    return new NativeLibraryException(
        NativeLibraries.unicorn()
            + " keeps its CPU state in a way Quire does not know ("
            + why
            + "); install libunicorn 2.1.4, for example by './quire setup'");
  }

  @Override
  public void close() {
    memory.close();
  }
}
