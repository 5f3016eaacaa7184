package dev.quire.bindings;

import java.lang.foreign.MemorySegment;
import java.util.Locale;

/**
 * Machine code for this host in executable memory, used as a callback where a call into Java would
 * be too slow. Written once, then read-only. The thread that makes it closes it; nothing may run it
 * after {@link #close}.
 */
public final class NativeStub implements AutoCloseable {
  private final NativeMemory memory;

  private NativeStub(NativeMemory memory) {
    this.memory = memory;
  }

  /**
   * Places position-independent code.
   *
   * <p>NATIVE: on arm64 Linux synchronises the instruction cache when a fresh page becomes
   * executable, so no explicit cache maintenance is needed.
   */
  public static NativeStub of(byte[] code) {
    NativeMemory memory = NativeMemory.reserveConfined(code.length);
    try {
      MemorySegment.copy(MemorySegment.ofArray(code), 0, memory.segment(), 0, code.length);
      memory.makeExecutable();
    } catch (RuntimeException e) {
      memory.close();
      throw e;
    }
    return new NativeStub(memory);
  }

  /** The address of its first instruction. */
  public long address() {
    return memory.hva();
  }

  /** Releases the pages. */
  @Override
  public void close() {
    memory.close();
  }

  /** The instruction sets that stubs exist for. */
  public enum Host {
    X86_64,
    AARCH64;

    /** This machine's. */
    public static Host current() {
      String arch = System.getProperty("os.arch").toLowerCase(Locale.ROOT);
      return switch (arch) {
        case "amd64", "x86_64" -> X86_64;
        case "aarch64", "arm64" -> AARCH64;
        default ->
            throw new NativeLibraryException(
                "no native stubs for this host's CPU (" + arch + "); use x86-64 or aarch64");
      };
    }
  }
}
