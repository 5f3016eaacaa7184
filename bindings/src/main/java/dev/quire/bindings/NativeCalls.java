package dev.quire.bindings;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SymbolLookup;
import java.lang.invoke.MethodHandle;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.MethodType;

/** The one door to the JVM's linker. Pointers are plain longs on both sides of every call. */
final class NativeCalls {
  private static final Linker LINKER = Linker.nativeLinker();

  private NativeCalls() {}

  /**
   * A handle on a C function.
   *
   * <p>NATIVE: the library is never unloaded, so the handle stays valid for the process.
   */
  static MethodHandle downcall(
      SymbolLookup symbols, String name, FunctionDescriptor type, Linker.Option... options) {
    MemorySegment address =
        symbols
            .find(name)
            .orElseThrow(
                () ->
                    new NativeLibraryException(
                        "the native library lacks the function "
                            + name
                            + "; install libunicorn 2.1.4 or newer and libcapstone 4 or 5"));
    return LINKER.downcallHandle(address, type, options);
  }

  /** A handle on a function of the C library. */
  static MethodHandle libc(String name, FunctionDescriptor type, Linker.Option... options) {
    return downcall(LINKER.defaultLookup(), name, type, options);
  }

  /**
   * C code that calls {@code target.method}, alive as long as {@code arena}.
   *
   * <p>NATIVE: the method must catch every Throwable: one that escapes an upcall ends the JVM.
   */
  static long upcall(
      MethodHandles.Lookup lookup,
      Object target,
      String method,
      FunctionDescriptor type,
      Arena arena) {
    MethodType java = type.toMethodType();
    try {
      MethodHandle handle = lookup.bind(target, method, java);
      return LINKER.upcallStub(handle, type, arena).address();
    } catch (ReflectiveOperationException e) {
      throw new IllegalStateException("no upcall target " + method + java, e);
    }
  }

  /** What a downcall handle throws is a defect of this package, never a condition. */
  static AssertionError broken(Throwable cause) {
    return new AssertionError("native call failed: " + cause, cause);
  }
}
