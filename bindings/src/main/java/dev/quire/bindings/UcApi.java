package dev.quire.bindings;

import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.SymbolLookup;
import java.lang.invoke.MethodHandle;

/**
 * Unicorn's functions, each behind a method with the C prototype's arguments; pointers are longs.
 * Results are {@code uc_err} codes. The handles are static final, so the JIT sees through them.
 */
final class UcApi {
  private static final SymbolLookup SYMBOLS = NativeLibraries.unicorn().symbols();

  private static final MethodHandle OPEN = of("uc_open");
  private static final MethodHandle CLOSE = of("uc_close");
  private static final MethodHandle START = of("uc_emu_start");
  private static final MethodHandle STOP = of("uc_emu_stop");
  private static final MethodHandle MAP_PTR = of("uc_mem_map_ptr");
  private static final MethodHandle CONTEXT_ALLOC = of("uc_context_alloc");
  private static final MethodHandle CONTEXT_FREE = of("uc_context_free");

  // NATIVE: these two neither block nor call back, so the thread need not leave Java state: 18 ns.
  private static final FunctionDescriptor REGISTER =
      FunctionDescriptor.of(JAVA_INT, JAVA_LONG, JAVA_INT, JAVA_LONG);
  private static final MethodHandle REG_READ = critical("uc_reg_read");
  private static final MethodHandle REG_WRITE = critical("uc_reg_write");

  // NATIVE: one shape for every tail of uc_ctl. Each variadic argument fills an eight-byte slot
  // whatever its type, so a long carries an int, and the function reads no more than it knows of.
  private static final MethodHandle CTL =
      NativeCalls.downcall(
          SYMBOLS,
          "uc_ctl",
          FunctionDescriptor.of(JAVA_INT, JAVA_LONG, JAVA_INT, JAVA_LONG, JAVA_LONG),
          Linker.Option.firstVariadicArg(2));

  private static final MethodHandle HOOK_ADD =
      NativeCalls.downcall(
          SYMBOLS,
          "uc_hook_add",
          FunctionDescriptor.of(
              JAVA_INT, JAVA_LONG, JAVA_LONG, JAVA_INT, JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_LONG,
              JAVA_INT),
          Linker.Option.firstVariadicArg(7));

  /** What few runs need, linked when first used. */
  private static final class Rare {
    static final MethodHandle UNMAP = of("uc_mem_unmap");
    static final MethodHandle HOOK_DEL = of("uc_hook_del");
    static final MethodHandle READ_BATCH = of("uc_reg_read_batch");
    static final MethodHandle WRITE_BATCH = of("uc_reg_write_batch");
    static final MethodHandle CONTEXT_SAVE = of("uc_context_save");
    static final MethodHandle CONTEXT_RESTORE = of("uc_context_restore");
    static final MethodHandle TRANSLATE = of("uc_vmem_translate");

    private Rare() {}
  }

  private UcApi() {}

  private static MethodHandle of(String name) {
    return NativeCalls.downcall(SYMBOLS, name);
  }

  private static MethodHandle critical(String name) {
    return NativeCalls.downcall(SYMBOLS, name, REGISTER, Linker.Option.critical(false));
  }

  /** The address of {@code uc_emu_stop}, for native stubs. */
  static long stopAddress() {
    return SYMBOLS.find("uc_emu_stop").orElseThrow().address();
  }

  static int open(int arch, int mode, long engineOut) {
    return call(OPEN, arch, mode, engineOut, 0);
  }

  static int close(long engine) {
    return call(CLOSE, engine, 0, 0, 0);
  }

  static int start(long engine, long begin, long until, long timeoutMicros, long count) {
    try {
      // NATIVE: hooks run inside, on this thread; each catches every Throwable.
      return (int) (long) START.invokeExact(engine, begin, until, timeoutMicros, count, 0L);
    } catch (Throwable t) {
      throw NativeCalls.broken(t);
    }
  }

  static int stop(long engine) {
    return call(STOP, engine, 0, 0, 0);
  }

  static int regRead(long engine, int register, long valueOut) {
    try {
      return (int) REG_READ.invokeExact(engine, register, valueOut);
    } catch (Throwable t) {
      throw NativeCalls.broken(t);
    }
  }

  static int regWrite(long engine, int register, long value) {
    try {
      return (int) REG_WRITE.invokeExact(engine, register, value);
    } catch (Throwable t) {
      throw NativeCalls.broken(t);
    }
  }

  static int regReadBatch(long engine, long registers, long pointers, int count) {
    return call(Rare.READ_BATCH, engine, registers, pointers, count);
  }

  static int regWriteBatch(long engine, long registers, long pointers, int count) {
    return call(Rare.WRITE_BATCH, engine, registers, pointers, count);
  }

  static int ctl(long engine, int control, long first, long second) {
    try {
      return (int) CTL.invokeExact(engine, control, first, second);
    } catch (Throwable t) {
      throw NativeCalls.broken(t);
    }
  }

  /** {@code begin} above {@code end} means everywhere; {@code insn} counts for UC_HOOK_INSN. */
  static int hookAdd(
      long engine, long idOut, int type, long callback, long user, long begin, long end, int insn) {
    try {
      return (int) HOOK_ADD.invokeExact(engine, idOut, type, callback, user, begin, end, insn);
    } catch (Throwable t) {
      throw NativeCalls.broken(t);
    }
  }

  static int hookDel(long engine, long id) {
    return call(Rare.HOOK_DEL, engine, id, 0, 0);
  }

  static int memMapPtr(long engine, long pa, long bytes, int perms, long hva) {
    try {
      return (int) (long) MAP_PTR.invokeExact(engine, pa, bytes, (long) perms, hva, 0L);
    } catch (Throwable t) {
      throw NativeCalls.broken(t);
    }
  }

  static int memUnmap(long engine, long pa, long bytes) {
    return call(Rare.UNMAP, engine, pa, bytes, 0);
  }

  static int contextAlloc(long engine, long contextOut) {
    return call(CONTEXT_ALLOC, engine, contextOut, 0, 0);
  }

  static int contextSave(long engine, long context) {
    return call(Rare.CONTEXT_SAVE, engine, context, 0, 0);
  }

  static int contextRestore(long engine, long context) {
    return call(Rare.CONTEXT_RESTORE, engine, context, 0, 0);
  }

  static int contextFree(long context) {
    return call(CONTEXT_FREE, context, 0, 0, 0);
  }

  static int vmemTranslate(long engine, long va, int prot, long paOut) {
    return call(Rare.TRANSLATE, engine, va, prot, paOut);
  }

  private static int call(MethodHandle handle, long a0, long a1, long a2, long a3) {
    try {
      return (int) (long) handle.invokeExact(a0, a1, a2, a3, 0L, 0L);
    } catch (Throwable t) {
      throw NativeCalls.broken(t);
    }
  }
}
