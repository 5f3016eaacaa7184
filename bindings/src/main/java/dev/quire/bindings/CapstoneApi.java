package dev.quire.bindings;

import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.SymbolLookup;
import java.lang.invoke.MethodHandle;

/** Capstone's functions; pointers and handles are longs. */
final class CapstoneApi {
  private static final SymbolLookup SYMBOLS = NativeLibraries.capstone().symbols();

  static final MethodHandle OPEN =
      of("cs_open", FunctionDescriptor.of(JAVA_INT, JAVA_INT, JAVA_INT, JAVA_LONG));
  static final MethodHandle CLOSE = of("cs_close", FunctionDescriptor.of(JAVA_INT, JAVA_LONG));
  static final MethodHandle OPTION =
      of("cs_option", FunctionDescriptor.of(JAVA_INT, JAVA_LONG, JAVA_INT, JAVA_LONG));
  static final MethodHandle DISASM =
      of(
          "cs_disasm",
          FunctionDescriptor.of(
              JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_LONG));
  static final MethodHandle FREE = of("cs_free", FunctionDescriptor.ofVoid(JAVA_LONG, JAVA_LONG));
  static final MethodHandle REG_NAME =
      of("cs_reg_name", FunctionDescriptor.of(JAVA_LONG, JAVA_LONG, JAVA_INT));

  private CapstoneApi() {}

  private static MethodHandle of(String name, FunctionDescriptor type) {
    return NativeCalls.downcall(SYMBOLS, name, type);
  }
}
