package dev.quire.bindings;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandle;
import java.util.Locale;

/**
 * Page-aligned memory of the host: anonymous and private, zero at first, unless a file is mapped
 * over parts of it ({@link #mapFile}). Pages cost nothing until touched, so a reservation of many
 * GiB is cheap. Any thread may use it, or the one that reserved it alone; {@link #close} gives it
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
  private static final int MAP_FIXED_NOREPLACE = LINUX ? 0x100000 : 0;
  private static final int MAP_SHARED = 1;
  private static final int MAP_PRIVATE = 2;
  private static final int MAP_FIXED = 0x10;
  private static final int MADV_DONTNEED = 4;
  private static final long NEAR_STEP_BYTES = 16L << 20;
  private static final long NEAR_BYTES = 2000L << 20;

  private static final MethodHandle MMAP = NativeCalls.libc("mmap");
  private static final MethodHandle MUNMAP = NativeCalls.libc("munmap");

  /** Linked when first needed. */
  private static final class Advice {
    static final MethodHandle MPROTECT = NativeCalls.libc("mprotect");
    static final MethodHandle MADVISE = NativeCalls.libc("madvise");

    private Advice() {}
  }

  private final Arena arena;
  private final MemorySegment segment;
  private boolean closed;

  private NativeMemory(Arena arena, long address, long bytes) {
    this.arena = arena;
    segment =
        MemorySegment.ofAddress(address)
            .reinterpret(bytes, arena, mapping -> unmap(mapping.address(), bytes));
  }

  /**
   * Reserves memory for any thread.
   *
   * @param bytes a positive number, rounded up to whole pages
   * @throws OutOfMemoryError when the host refuses
   */
  public static NativeMemory reserve(long bytes) {
    return reserve(Arena.ofShared(), bytes);
  }

  /**
   * Reserves memory that the calling thread alone uses and closes: to others its segment refuses
   * access. To close memory of any thread the JVM asks every thread it has, which hundreds of VMs
   * that come and go would feel.
   *
   * @param bytes a positive number, rounded up to whole pages
   * @throws OutOfMemoryError when the host refuses
   */
  public static NativeMemory reserveConfined(long bytes) {
    return reserve(Arena.ofConfined(), bytes);
  }

  private static NativeMemory reserve(Arena arena, long bytes) {
    if (bytes <= 0 || bytes > Long.MAX_VALUE - PAGE_BYTES) {
      throw new IllegalArgumentException("cannot reserve " + bytes + " bytes");
    }
    long rounded = (bytes + PAGE_BYTES - 1) & -PAGE_BYTES;
    long address = call(MMAP, 0, rounded, PROT_READ_WRITE, MAP_FLAGS, -1);
    if (address == -1L) {
      throw new OutOfMemoryError(
          "cannot reserve "
              + bytes
              + " bytes of address space; lower the memory size or ulimit -v");
    }
    return new NativeMemory(arena, address, rounded);
  }

  /**
   * Reserves one page that code at {@code hva} reaches by a signed 32-bit displacement, for the
   * calling thread alone.
   *
   * @return null where the host has no free page there
   */
  static NativeMemory near(long hva) {
    for (long distance = NEAR_STEP_BYTES; distance < NEAR_BYTES; distance += NEAR_STEP_BYTES) {
      for (int sign = -1; sign <= 1; sign += 2) {
        long wanted = (hva + sign * distance) & -PAGE_BYTES;
        int flags = MAP_FLAGS | MAP_FIXED_NOREPLACE;
        long address =
            wanted <= 0 ? -1 : call(MMAP, wanted, PAGE_BYTES, PROT_READ_WRITE, flags, -1);
        if (address == wanted) {
          return new NativeMemory(Arena.ofConfined(), address, PAGE_BYTES);
        }
        if (address != -1L) {
          // A kernel before 4.17 takes the address for a hint.
          unmap(address, PAGE_BYTES);
        }
      }
    }
    return null;
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
    if ((int) call(Advice.MADVISE, range.address(), bytes, MADV_DONTNEED, 0, 0) != 0) {
      range.fill((byte) 0);
    }
  }

  /**
   * Puts a file's bytes in the place of a part of the memory, shared with everybody who has the
   * file. Linux only.
   *
   * @param offset in the memory; this, {@code bytes} and {@code fileOffset} are whole pages
   * @return 0, or -errno with the memory as it was
   */
  public int mapFile(long offset, long bytes, HostFile file, long fileOffset) {
    MemorySegment range = segment.asSlice(offset, bytes);
    return replace(range, MAP_SHARED | MAP_FIXED, file.descriptor(), fileOffset);
  }

  /**
   * As {@link #mapFile}, for a file that may be open for reading only: what is stored here the file
   * never gets.
   */
  public int mapFileForReading(long offset, long bytes, HostFile file, long fileOffset) {
    MemorySegment range = segment.asSlice(offset, bytes);
    return replace(range, MAP_PRIVATE | MAP_FIXED, file.descriptor(), fileOffset);
  }

  /** Puts anonymous zeros in the place of a part of the memory: 0 or -errno. */
  public int mapAnonymous(long offset, long bytes) {
    return replace(segment.asSlice(offset, bytes), MAP_FLAGS | MAP_FIXED, -1, 0);
  }

  private static int replace(MemorySegment range, int flags, int descriptor, long fileOffset) {
    // NATIVE: MAP_FIXED inside our own reservation, which the segment's bounds have checked.
    long address =
        SystemCalls.callLong(
            SystemCalls.MMAP,
            range.address(),
            range.byteSize(),
            PROT_READ_WRITE,
            flags,
            descriptor,
            fileOffset);
    return address == range.address() ? 0 : (int) address;
  }

  /** Makes the whole memory read-only and executable; for machine code just written. */
  void makeExecutable() {
    int code =
        (int) call(Advice.MPROTECT, segment.address(), segment.byteSize(), PROT_READ_EXEC, 0, 0);
    if (code != 0) {
      throw new NativeLibraryException(
          "the host refuses executable memory (mprotect PROT_EXEC); allow it in its security"
              + " policy");
    }
  }

  /**
   * Unmaps it; harmless when repeated. Not while another thread accesses it.
   *
   * @throws WrongThreadException if it is another thread's alone
   */
  @Override
  public synchronized void close() {
    if (!closed) {
      closed = true;
      arena.close();
    }
  }

  private static void unmap(long address, long bytes) {
    // NATIVE: runs once, when the arena closed, so no segment reaches the range any more.
    call(MUNMAP, address, bytes, 0, 0, 0);
  }

  private static long call(MethodHandle function, long a0, long a1, long a2, long a3, long a4) {
    try {
      return (long) function.invokeExact(a0, a1, a2, a3, a4, 0L);
    } catch (Throwable t) {
      throw NativeCalls.broken(t);
    }
  }
}
