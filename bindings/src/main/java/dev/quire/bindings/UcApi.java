package dev.quire.bindings;

import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.SymbolLookup;
import java.lang.invoke.MethodHandle;

/**
 * Unicorn's functions as static final handles, so that the JIT sees through them. Grouped in holder
 * classes: linking a handle costs start-up time, and a run touches only some groups.
 *
 * <p>Pointers are longs, which makes most functions share a call shape. Only functions that neither
 * call back nor block are marked critical.
 */
final class UcApi {
  private static final SymbolLookup SYMBOLS = NativeLibraries.unicorn().symbols();
  private static final FunctionDescriptor HANDLE = FunctionDescriptor.of(JAVA_INT, JAVA_LONG);
  private static final FunctionDescriptor HANDLE_LONG =
      FunctionDescriptor.of(JAVA_INT, JAVA_LONG, JAVA_LONG);
  private static final FunctionDescriptor REGISTER =
      FunctionDescriptor.of(JAVA_INT, JAVA_LONG, JAVA_INT, JAVA_LONG);

  private UcApi() {}

  private static MethodHandle of(String name, FunctionDescriptor type, Linker.Option... options) {
    return NativeCalls.downcall(SYMBOLS, name, type, options);
  }

  /** Opening, closing and running. */
  static final class Engine {
    static final MethodHandle OPEN =
        of("uc_open", FunctionDescriptor.of(JAVA_INT, JAVA_INT, JAVA_INT, JAVA_LONG));
    static final MethodHandle CLOSE = of("uc_close", HANDLE);
    static final MethodHandle START =
        of(
            "uc_emu_start",
            FunctionDescriptor.of(JAVA_INT, JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_LONG));
    static final MethodHandle STOP = of("uc_emu_stop", HANDLE);

    private Engine() {}
  }

  /** The address of {@code uc_emu_stop}, for native stubs. */
  static final class StopAddress {
    static final long VALUE = SYMBOLS.find("uc_emu_stop").orElseThrow().address();

    private StopAddress() {}
  }

  /** Single registers: about 18 ns a call when critical. */
  static final class Registers {
    static final MethodHandle READ = of("uc_reg_read", REGISTER, Linker.Option.critical(false));
    static final MethodHandle WRITE = of("uc_reg_write", REGISTER, Linker.Option.critical(false));

    private Registers() {}
  }

  /** Several registers at once. */
  static final class Batch {
    private static final FunctionDescriptor TYPE =
        FunctionDescriptor.of(JAVA_INT, JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_INT);
    static final MethodHandle READ = of("uc_reg_read_batch", TYPE);
    static final MethodHandle WRITE = of("uc_reg_write_batch", TYPE);

    private Batch() {}
  }

  /** {@code uc_ctl} in each of its variadic shapes: the tail begins at the third argument. */
  static final class Control {
    private static final Linker.Option TAIL = Linker.Option.firstVariadicArg(2);
    static final MethodHandle NONE =
        of("uc_ctl", FunctionDescriptor.of(JAVA_INT, JAVA_LONG, JAVA_INT), TAIL);
    static final MethodHandle INT =
        of("uc_ctl", FunctionDescriptor.of(JAVA_INT, JAVA_LONG, JAVA_INT, JAVA_INT), TAIL);

    private Control() {}
  }

  /** The shapes of {@code uc_ctl} with addresses. */
  static final class WideControl {
    private static final Linker.Option TAIL = Linker.Option.firstVariadicArg(2);
    static final MethodHandle LONG =
        of("uc_ctl", FunctionDescriptor.of(JAVA_INT, JAVA_LONG, JAVA_INT, JAVA_LONG), TAIL);
    static final MethodHandle LONG_LONG =
        of(
            "uc_ctl",
            FunctionDescriptor.of(JAVA_INT, JAVA_LONG, JAVA_INT, JAVA_LONG, JAVA_LONG),
            TAIL);

    private WideControl() {}
  }

  /** Hooks; the tail (the instruction's id) exists only for UC_HOOK_INSN. */
  static final class Hooks {
    private static final Linker.Option TAIL = Linker.Option.firstVariadicArg(7);
    static final MethodHandle ADD =
        of(
            "uc_hook_add",
            FunctionDescriptor.of(
                JAVA_INT, JAVA_LONG, JAVA_LONG, JAVA_INT, JAVA_LONG, JAVA_LONG, JAVA_LONG,
                JAVA_LONG, JAVA_INT),
            TAIL);

    private Hooks() {}
  }

  /** Deleting hooks. */
  static final class HookRemoval {
    static final MethodHandle DELETE = of("uc_hook_del", HANDLE_LONG);

    private HookRemoval() {}
  }

  /** Guest physical memory. */
  static final class Memory {
    static final MethodHandle MAP_PTR =
        of(
            "uc_mem_map_ptr",
            FunctionDescriptor.of(JAVA_INT, JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_INT, JAVA_LONG));

    private Memory() {}
  }

  /** Unmapping. */
  static final class Unmapping {
    static final MethodHandle UNMAP =
        of("uc_mem_unmap", FunctionDescriptor.of(JAVA_INT, JAVA_LONG, JAVA_LONG, JAVA_LONG));

    private Unmapping() {}
  }

  /** Whole-CPU contexts. */
  static final class Context {
    static final MethodHandle ALLOC = of("uc_context_alloc", HANDLE_LONG);
    static final MethodHandle SAVE = of("uc_context_save", HANDLE_LONG);
    static final MethodHandle RESTORE = of("uc_context_restore", HANDLE_LONG);
    static final MethodHandle FREE = of("uc_context_free", HANDLE);

    private Context() {}
  }

  /** The engine's own translation, the tests' oracle. */
  static final class Oracle {
    static final MethodHandle TRANSLATE =
        of(
            "uc_vmem_translate",
            FunctionDescriptor.of(JAVA_INT, JAVA_LONG, JAVA_LONG, JAVA_INT, JAVA_LONG));

    private Oracle() {}
  }
}
