package dev.quire.bindings;

import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandle;

/**
 * A file descriptor of this process that holds memory: a memfd made here, or a file that another
 * process passed. Owned: {@link #close} closes it. Offsets and sizes are bytes. Any thread, but for
 * {@link #close}. Linux only.
 */
public final class HostFile implements AutoCloseable {
  private static final int MFD_CLOEXEC = 1;
  private static final int MFD_ALLOW_SEALING = 2;
  private static final int F_ADD_SEALS = 1033;
  private static final int F_SEAL_SHRINK = 2;
  private static final int F_DUPFD_CLOEXEC = 1030;
  private static final int PUNCH_HOLE_KEEP_SIZE = 3;
  private static final int AT_EMPTY_PATH = 0x1000;
  private static final int STATX_BASIC = 0x7ff;
  private static final int STATX_BYTES = 256;
  private static final int STX_MODE = 28;
  private static final int STX_INO = 32;
  private static final int STX_SIZE = 40;
  private static final int STX_DEV = 136;
  private static final int SEEK_DATA = 3;
  private static final int SEEK_HOLE = 4;
  private static final int FORMAT_MASK = 0xf000;
  private static final int REGULAR = 0x8000;

  private static final MethodHandle MEMFD_CREATE = SystemCalls.function("memfd_create");
  private static final MethodHandle FTRUNCATE = SystemCalls.function("ftruncate");
  private static final MethodHandle FALLOCATE = SystemCalls.function("fallocate");
  private static final MethodHandle STATX = SystemCalls.function("statx");
  private static final MethodHandle LSEEK = SystemCalls.function("lseek");
  private static final MethodHandle FCNTL = SystemCalls.function("fcntl");

  private final int descriptor;
  private boolean closed;

  private HostFile(int descriptor) {
    this.descriptor = descriptor;
  }

  /**
   * A new memfd of zeros that cannot shrink.
   *
   * @throws IOException if the host refuses: no descriptors or no memory left
   */
  public static HostFile memory(String name, long bytes) throws IOException {
    try (Arena arena = Arena.ofConfined()) {
      long text = arena.allocateFrom(name).address();
      int descriptor =
          SystemCalls.callInt(MEMFD_CREATE, text, MFD_CLOEXEC | MFD_ALLOW_SEALING, 0, 0, 0, 0);
      if (descriptor < 0) {
        throw new IOException("memfd_create: errno " + -descriptor);
      }
      HostFile file = new HostFile(descriptor);
      int result = SystemCalls.callInt(FTRUNCATE, descriptor, bytes, 0, 0, 0, 0);
      if (result < 0) {
        file.close();
        throw new IOException("ftruncate to " + bytes + " bytes: errno " + -result);
      }
      file.keepSize();
      return file;
    }
  }

  /** Takes over a descriptor that was received. */
  public static HostFile adopt(int descriptor) {
    if (descriptor < 0) {
      throw new IllegalArgumentException("descriptor " + descriptor);
    }
    return new HostFile(descriptor);
  }

  public int descriptor() {
    return descriptor;
  }

  /** Another descriptor of the same open file. */
  public HostFile duplicate() throws IOException {
    int copy = SystemCalls.callInt(FCNTL, descriptor, F_DUPFD_CLOEXEC, 0, 0, 0, 0);
    if (copy < 0) {
      throw new IOException("fcntl(F_DUPFD_CLOEXEC): errno " + -copy);
    }
    return new HostFile(copy);
  }

  /**
   * Forbids everybody to make the file smaller, so that no access to a mapping can hit what is
   * gone.
   */
  private void keepSize() {
    SystemCalls.callInt(FCNTL, descriptor, F_ADD_SEALS, F_SEAL_SHRINK, 0, 0, 0);
  }

  /** Its size, or -1 if it is no regular file. */
  public long bytes() {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment status = status(arena);
      int mode = status.get(JAVA_INT, STX_MODE) & FORMAT_MASK;
      return mode != REGULAR ? -1 : status.get(JAVA_LONG, STX_SIZE);
    }
  }

  /** Zeros if there is no such file. */
  private MemorySegment status(Arena arena) {
    MemorySegment buffer = arena.allocate(STATX_BYTES, Long.BYTES);
    long empty = arena.allocateFrom("").address();
    SystemCalls.callInt(STATX, descriptor, empty, AT_EMPTY_PATH, STATX_BASIC, buffer.address(), 0);
    return buffer;
  }

  /** Whether both are descriptors of one file. */
  public boolean isSame(HostFile other) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment mine = status(arena);
      MemorySegment others = other.status(arena);
      return mine.get(JAVA_LONG, STX_INO) == others.get(JAVA_LONG, STX_INO)
          && mine.get(JAVA_LONG, STX_DEV) == others.get(JAVA_LONG, STX_DEV);
    }
  }

  /**
   * Where the next bytes are that were ever written, from {@code offset} on; the file's size if
   * there are none. Moves the file's position: only for files nobody else has.
   */
  public long nextData(long offset) {
    long found = SystemCalls.callLong(LSEEK, descriptor, offset, SEEK_DATA, 0, 0, 0);
    return found < 0 ? bytes() : found;
  }

  /** Where they end, as {@link #nextData}. */
  public long nextHole(long offset) {
    long found = SystemCalls.callLong(LSEEK, descriptor, offset, SEEK_HOLE, 0, 0, 0);
    return found < 0 ? bytes() : found;
  }

  /** Gives the memory of a range back; it reads as zero afterwards. 0 or -errno. */
  public int punch(long offset, long bytes) {
    return SystemCalls.callInt(FALLOCATE, descriptor, PUNCH_HOLE_KEEP_SIZE, offset, bytes, 0, 0);
  }

  @Override
  public void close() {
    if (!closed) {
      closed = true;
      SystemCalls.close(descriptor);
    }
  }
}
