package dev.quire.bindings;

import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SymbolLookup;
import java.lang.invoke.MethodHandle;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.MethodType;

/**
 * The one door to the JVM's linker.
 *
 * <p>Nearly every crossing has one of two shapes, six longs to a long downwards and five longs to a
 * long upwards, whatever the C prototype: each further shape costs 5 to 10 ms at start, since the
 * JVM generates code for it.
 *
 * <p>NATIVE: both calling conventions (System V x86-64, AAPCS64) pass up to six integers and
 * pointers in one register each, leave the upper half of a register that carries an int undefined,
 * and let the caller fill registers that the callee does not read. So an int travels as a long and
 * is narrowed by whoever reads it, missing arguments are zero, and the result of a void function is
 * ignored. Functions with more arguments, floating point or a variadic tail need their own shape.
 */
final class NativeCalls {
  private static final Linker LINKER = Linker.nativeLinker();
  private static final FunctionDescriptor DOWN =
      FunctionDescriptor.of(
          JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_LONG);
  private static final FunctionDescriptor UP =
      FunctionDescriptor.of(JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_LONG);
  private static final MethodType UP_TYPE = UP.toMethodType();

  private NativeCalls() {}

  /** The Java end of a callback from native code. */
  interface Upcall {
    /**
     * Takes the callback's arguments; ints must be narrowed, and what was not passed is garbage.
     */
    long call(long a0, long a1, long a2, long a3, long a4);
  }

  /**
   * A handle of six longs to a long on a C function of at most six integer arguments.
   *
   * <p>NATIVE: libraries are never unloaded, so the handle stays valid for the process.
   */
  static MethodHandle downcall(SymbolLookup symbols, String name) {
    return downcall(symbols, name, DOWN);
  }

  /** A handle of another shape. */
  static MethodHandle downcall(
      SymbolLookup symbols, String name, FunctionDescriptor type, Linker.Option... options) {
    return LINKER.downcallHandle(address(symbols, name), type, options);
  }

  /** As {@link #downcall(SymbolLookup, String)}, on a function of the C library. */
  static MethodHandle libc(String name) {
    return downcall(LINKER.defaultLookup(), name);
  }

  private static MemorySegment address(SymbolLookup symbols, String name) {
    MemorySegment address = symbols.find(name).orElse(null);
    if (address == null) {
      throw new NativeLibraryException(
          "a native library lacks the function "
              + name
              + "; install libunicorn 2.1.4 or newer and libcapstone 4 or 5");
    }
    return address;
  }

  /**
   * C code that calls {@code target}, alive as long as {@code arena}.
   *
   * <p>NATIVE: the target must catch every Throwable: one that escapes an upcall ends the JVM.
   * Bound to the target's own class, so that the call is direct.
   */
  static long upcall(MethodHandles.Lookup lookup, Upcall target, Arena arena) {
    try {
      MethodHandle handle = lookup.bind(target, "call", UP_TYPE);
      return LINKER.upcallStub(handle, UP, arena).address();
    } catch (ReflectiveOperationException e) {
      throw new IllegalStateException("no upcall target in " + target.getClass(), e);
    }
  }

  /** What a downcall handle throws is a defect of this package, never a condition. */
  static AssertionError broken(Throwable cause) {
    return new AssertionError("native call failed: " + cause, cause);
  }
}
