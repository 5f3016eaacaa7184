package dev.quire.bindings;

import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;
import static java.lang.foreign.ValueLayout.JAVA_SHORT;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandle;
import java.nio.file.Files;
import java.nio.file.Path;

/**
 * An eventfd of this process: made here, or passed by another process, with which it is shared. No
 * call waits, whatever O_NONBLOCK says, and none changes that flag: it is the other's too. Owned:
 * {@link #close} closes it. One thread at a time. Linux only.
 */
public final class EventCounter implements AutoCloseable {
  private static final String ID = "eventfd-id:";
  private static final int EFD_CLOEXEC = 0x80000;
  private static final int RWF_NOWAIT = 8;
  private static final short POLLOUT = 4;
  private static final int VALUE = 0;
  private static final int VECTOR = 8;
  private static final int POLL = 24;
  private static final int BYTES = 32;

  private static final MethodHandle EVENTFD = SystemCalls.function("eventfd");
  private static final MethodHandle PREADV2 = SystemCalls.function("preadv2");
  private static final MethodHandle POLL_CALL = SystemCalls.function("poll");
  private static final MethodHandle WRITE = SystemCalls.function("write");

  private final int descriptor;
  private final Arena arena = Arena.ofShared();

  /** The counter's value, a struct iovec that names it, a struct pollfd. */
  private final MemorySegment buffer = arena.allocate(BYTES, Long.BYTES);

  private final long id;

  private boolean closed;

  private EventCounter(int descriptor) {
    this.descriptor = descriptor;
    this.id = readId(descriptor);
    buffer.set(JAVA_LONG, VECTOR, buffer.address() + VALUE);
    buffer.set(JAVA_LONG, VECTOR + Long.BYTES, Long.BYTES);
    buffer.set(JAVA_INT, POLL, descriptor);
    buffer.set(JAVA_SHORT, POLL + Integer.BYTES, POLLOUT);
  }

  /** The number in /proc/self/fdinfo, which belongs to the eventfd and not to the descriptor. */
  private static long readId(int descriptor) {
    try {
      for (String line : Files.readAllLines(Path.of("/proc/self/fdinfo/" + descriptor))) {
        if (line.startsWith(ID)) {
          return Long.parseLong(line.substring(ID.length()).strip());
        }
      }
    } catch (IOException | NumberFormatException e) {
      // Without /proc nobody can tell two descriptors of one eventfd.
    }
    return -1;
  }

  /**
   * What tells eventfds apart: the same for all descriptors of one, in all processes; -1 if the
   * host does not say.
   */
  public long id() {
    return id;
  }

  /**
   * A new one.
   *
   * @param value its counter at first
   * @throws IOException if no descriptor is left
   */
  public static EventCounter create(int value) throws IOException {
    int descriptor = SystemCalls.callInt(EVENTFD, value, EFD_CLOEXEC, 0, 0, 0, 0);
    if (descriptor < 0) {
      throw new IOException("eventfd: errno " + -descriptor);
    }
    return new EventCounter(descriptor);
  }

  /** Takes over a descriptor that was received. */
  public static EventCounter adopt(int descriptor) {
    return new EventCounter(descriptor);
  }

  public int descriptor() {
    return descriptor;
  }

  /** Adds to the counter, unless it is full. */
  public void add(long value) {
    if (SystemCalls.callInt(POLL_CALL, buffer.address() + POLL, 1, 0, 0, 0, 0) == 1
        && (buffer.get(JAVA_SHORT, POLL + 6) & POLLOUT) != 0) {
      buffer.set(JAVA_LONG, VALUE, value);
      SystemCalls.callLong(WRITE, descriptor, buffer.address() + VALUE, Long.BYTES, 0, 0, 0);
    }
  }

  /** Reads and clears the counter: 0 if it was 0, or if the descriptor is no eventfd. */
  public long take() {
    long result =
        SystemCalls.callLong(PREADV2, descriptor, buffer.address() + VECTOR, 1, -1, RWF_NOWAIT, 0);
    return result == Long.BYTES ? buffer.get(JAVA_LONG, VALUE) : 0;
  }

  @Override
  public void close() {
    if (!closed) {
      closed = true;
      arena.close();
      SystemCalls.close(descriptor);
    }
  }
}
