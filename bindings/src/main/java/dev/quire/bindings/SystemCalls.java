package dev.quire.bindings;

import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemoryLayout.PathElement;
import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandle;
import java.lang.invoke.VarHandle;

/**
 * Linux system calls by the C library's functions, with the kernel's results: 0 or more, or -errno.
 * Any thread.
 */
final class SystemCalls {
  static final int EAGAIN = 11;
  static final int EINTR = 4;

  private static final Linker.Option ERRNO = Linker.Option.captureCallState("errno");
  private static final VarHandle ERRNO_FIELD =
      Linker.Option.captureStateLayout().varHandle(PathElement.groupElement("errno"));

  /** What each native call takes; the captured errno goes before it. */
  private static final FunctionDescriptor TYPE =
      FunctionDescriptor.of(
          JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_LONG);

  /** NATIVE: one per thread and for its life, since the call's thread alone writes it. */
  private static final ThreadLocal<MemorySegment> STATE =
      ThreadLocal.withInitial(
          () -> Arena.ofAuto().allocate(Linker.Option.captureStateLayout().byteSize(), 8));

  static final MethodHandle CLOSE = function("close");
  static final MethodHandle MMAP = function("mmap");

  private SystemCalls() {}

  /** A C function whose failure is -1 with errno. */
  static MethodHandle function(String name) {
    return NativeCalls.downcall(Linker.nativeLinker().defaultLookup(), name, TYPE, ERRNO);
  }

  /** Calls a function that returns an int. */
  static int callInt(MethodHandle function, long a0, long a1, long a2, long a3, long a4, long a5) {
    MemorySegment state = STATE.get();
    int result;
    try {
      result = (int) (long) function.invokeExact(state, a0, a1, a2, a3, a4, a5);
    } catch (Throwable t) {
      throw NativeCalls.broken(t);
    }
    return result == -1 ? -(int) ERRNO_FIELD.get(state, 0L) : result;
  }

  /** Calls a function that returns a long, a size or a pointer. */
  static long callLong(
      MethodHandle function, long a0, long a1, long a2, long a3, long a4, long a5) {
    MemorySegment state = STATE.get();
    long result;
    try {
      result = (long) function.invokeExact(state, a0, a1, a2, a3, a4, a5);
    } catch (Throwable t) {
      throw NativeCalls.broken(t);
    }
    return result == -1 ? -(int) ERRNO_FIELD.get(state, 0L) : result;
  }

  static void close(int descriptor) {
    callInt(CLOSE, descriptor, 0, 0, 0, 0, 0);
  }
}
