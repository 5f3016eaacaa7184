package dev.quire.bindings;

import java.lang.foreign.SymbolLookup;
import java.lang.invoke.MethodHandle;

/** Capstone's functions; pointers and handles are longs. */
final class CapstoneApi {
  private static final SymbolLookup SYMBOLS = NativeLibraries.capstone().symbols();
  private static final MethodHandle OPEN = NativeCalls.downcall(SYMBOLS, "cs_open");
  private static final MethodHandle CLOSE = NativeCalls.downcall(SYMBOLS, "cs_close");
  private static final MethodHandle OPTION = NativeCalls.downcall(SYMBOLS, "cs_option");
  private static final MethodHandle DISASM = NativeCalls.downcall(SYMBOLS, "cs_disasm");
  private static final MethodHandle FREE = NativeCalls.downcall(SYMBOLS, "cs_free");
  private static final MethodHandle REG_NAME = NativeCalls.downcall(SYMBOLS, "cs_reg_name");

  private CapstoneApi() {}

  static int open(int arch, int mode, long handleOut) {
    return (int) call(OPEN, arch, mode, handleOut, 0, 0, 0);
  }

  static int close(long handlePointer) {
    return (int) call(CLOSE, handlePointer, 0, 0, 0, 0, 0);
  }

  static int option(long handle, int option, long value) {
    return (int) call(OPTION, handle, option, value, 0, 0, 0);
  }

  static long disasm(long handle, long code, long bytes, long address, long count, long insnOut) {
    return call(DISASM, handle, code, bytes, address, count, insnOut);
  }

  static void free(long insns, long count) {
    call(FREE, insns, count, 0, 0, 0, 0);
  }

  static long regName(long handle, int register) {
    return call(REG_NAME, handle, register, 0, 0, 0, 0);
  }

  private static long call(
      MethodHandle handle, long a0, long a1, long a2, long a3, long a4, long a5) {
    try {
      return (long) handle.invokeExact(a0, a1, a2, a3, a4, a5);
    } catch (Throwable t) {
      throw NativeCalls.broken(t);
    }
  }
}
