package dev.quire.bindings;

import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandle;
import java.util.Locale;

/**
 * Page-aligned anonymous private memory of the host, zero at first. Pages cost nothing until
 * touched, so a reservation of many GiB is cheap. Any thread may use it; {@link #close} gives it
 * back, after which its segment refuses access. Sizes and offsets are bytes.
 */
public final class NativeMemory implements AutoCloseable {
  /** The host's page size assumed for lengths and offsets; a multiple of the real one. */
  public static final long PAGE_BYTES =
      System.getProperty("os.arch").equals("amd64") ? 4096 : 65536;

  private static final boolean LINUX =
      System.getProperty("os.name").toLowerCase(Locale.ROOT).startsWith("linux");
  private static final int PROT_READ_WRITE = 3;
  private static final int PROT_READ_EXEC = 5;
  // MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE of Linux and of macOS.
  private static final int MAP_FLAGS = LINUX ? 0x2 | 0x20 | 0x4000 : 0x2 | 0x1000 | 0x40;
  private static final int MADV_DONTNEED = 4;

  private static final MethodHandle MMAP =
      NativeCalls.libc(
          "mmap",
          FunctionDescriptor.of(
              JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_INT, JAVA_INT, JAVA_INT, JAVA_LONG));
  private static final MethodHandle MUNMAP =
      NativeCalls.libc("munmap", FunctionDescriptor.of(JAVA_INT, JAVA_LONG, JAVA_LONG));

  /** mprotect and madvise, linked when first needed. */
  private static final class Advice {
    private static final FunctionDescriptor TYPE =
        FunctionDescriptor.of(JAVA_INT, JAVA_LONG, JAVA_LONG, JAVA_INT);
    static final MethodHandle MPROTECT = NativeCalls.libc("mprotect", TYPE);
    static final MethodHandle MADVISE = NativeCalls.libc("madvise", TYPE);

    private Advice() {}
  }

  private final Arena arena = Arena.ofShared();
  private final MemorySegment segment;
  private boolean closed;

  private NativeMemory(long bytes) {
    long address;
    try {
      address = (long) MMAP.invokeExact(0L, bytes, PROT_READ_WRITE, MAP_FLAGS, -1, 0L);
    } catch (Throwable t) {
      throw NativeCalls.broken(t);
    }
    if (address == -1L) {
      arena.close();
      throw new OutOfMemoryError(
          "cannot reserve "
              + bytes
              + " bytes of address space; lower the memory size or ulimit -v");
    }
    segment =
        MemorySegment.ofAddress(address)
            .reinterpret(bytes, arena, mapping -> unmap(mapping.address(), bytes));
  }

  /**
   * Reserves memory.
   *
   * @param bytes a positive number, rounded up to whole pages
   * @throws OutOfMemoryError when the host refuses
   */
  public static NativeMemory reserve(long bytes) {
    if (bytes <= 0 || bytes > Long.MAX_VALUE - PAGE_BYTES) {
      throw new IllegalArgumentException("cannot reserve " + bytes + " bytes");
    }
    return new NativeMemory((bytes + PAGE_BYTES - 1) & -PAGE_BYTES);
  }

  /** The memory; alive until {@link #close}. */
  public MemorySegment segment() {
    return segment;
  }

  /** Its host virtual address. */
  public long hva() {
    return segment.address();
  }

  /** Gives the pages of a range back; they read as zero afterwards. */
  public void adviseDontNeed(long offset, long bytes) {
    MemorySegment range = segment.asSlice(offset, bytes);
    if (((offset | bytes) & (PAGE_BYTES - 1)) != 0 || !LINUX) {
      range.fill((byte) 0);
      return;
    }
    try {
      int code = (int) Advice.MADVISE.invokeExact(range.address(), bytes, MADV_DONTNEED);
      if (code != 0) {
        range.fill((byte) 0);
      }
    } catch (Throwable t) {
      throw NativeCalls.broken(t);
    }
  }

  /** Makes the whole memory read-only and executable; for machine code just written. */
  void makeExecutable() {
    int code;
    try {
      code =
          (int) Advice.MPROTECT.invokeExact(segment.address(), segment.byteSize(), PROT_READ_EXEC);
    } catch (Throwable t) {
      throw NativeCalls.broken(t);
    }
    if (code != 0) {
      throw new NativeLibraryException(
          "the host refuses executable memory (mprotect PROT_EXEC); allow it in its security"
              + " policy");
    }
  }

  /** Unmaps it; harmless when repeated. Not while another thread accesses it. */
  @Override
  public synchronized void close() {
    if (!closed) {
      closed = true;
      arena.close();
    }
  }

  private static void unmap(long address, long bytes) {
    try {
      // NATIVE: runs once, when the arena closed, so no segment reaches the range any more.
      int ignored = (int) MUNMAP.invokeExact(address, bytes);
    } catch (Throwable t) {
      throw NativeCalls.broken(t);
    }
  }
}
