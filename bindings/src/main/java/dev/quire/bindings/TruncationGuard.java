package dev.quire.bindings;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;

/**
 * Lets memory that has files of others mapped survive that they are truncated. An access beyond a
 * file's end is SIGBUS, which would end this process when it comes from generated code. Here the
 * page becomes private zeros instead, and the access goes on; {@link #takeHits} tells that it
 * happened. Each may cost the process two mappings, of which it has some 65,000: after 2048 hits
 * that nobody took, all of the memory becomes zeros ({@link #isLost}).
 *
 * <p>NATIVE: the first guard installs a handler of machine code, for good, which leaves every other
 * SIGBUS to the JVM's. Any thread may make and close guards; what a guard tells is for the thread
 * that uses the memory. Linux only.
 */
public final class TruncationGuard implements AutoCloseable {
  /** Guards at the same time. */
  private static final int MOST = 1 << 14;

  private static final int ENTRY_BYTES = 32;
  private static final int START = 0;
  private static final int END = 8;
  private static final int HITS = 16;
  private static final int LOST = 24;

  private static final int SIGBUS = 7;

  /** Of struct sigaction of the C library on 64-bit Linux: the handler comes first. */
  private static final int ACTION_BYTES = 152;

  /** Behind the handler's code: the table's address, the host's page size, the next handler. */
  private static final int DATA_BYTES = 24;

  private static NativeMemory table;
  private static NativeStub handler;

  private final int entry;

  private TruncationGuard(int entry) {
    this.entry = entry;
  }

  /**
   * Guards a whole memory until {@link #close}, which comes before the memory's.
   *
   * @throws IllegalStateException if there are too many guards, or the host refuses a handler
   */
  public static synchronized TruncationGuard over(NativeMemory memory) {
    if (handler == null) {
      install();
    }
    MemorySegment entries = table.segment();
    for (int at = 1; at <= MOST; at++) {
      long entry = (long) at * ENTRY_BYTES;
      if (entries.get(ValueLayout.JAVA_LONG, entry + END) == 0) {
        entries.set(ValueLayout.JAVA_LONG, entry + START, memory.hva());
        entries.set(ValueLayout.JAVA_LONG, entry + HITS, 0);
        entries.set(ValueLayout.JAVA_LONG, entry + LOST, 0);
        entries.set(ValueLayout.JAVA_LONG, entry + END, memory.hva() + memory.segment().byteSize());
        long used = entries.get(ValueLayout.JAVA_LONG, 0);
        entries.set(ValueLayout.JAVA_LONG, 0, Math.max(used, at));
        return new TruncationGuard(at);
      }
    }
    throw new IllegalStateException("more than " + MOST + " memories with files of others");
  }

  private static void install() {
    MethodHandle sigaction = SystemCalls.function("sigaction");
    int page = SystemCalls.callInt(SystemCalls.function("getpagesize"), 0, 0, 0, 0, 0, 0);
    NativeMemory entries = NativeMemory.reserve((MOST + 1L) * ENTRY_BYTES);
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment action = arena.allocate(ACTION_BYTES, Long.BYTES);
      check(SystemCalls.callInt(sigaction, SIGBUS, 0, action.address(), 0, 0, 0));
      byte[] code = BusErrorCode.of(NativeStub.Host.current());
      ByteBuffer.wrap(code, code.length - DATA_BYTES, DATA_BYTES)
          .order(ByteOrder.LITTLE_ENDIAN)
          .putLong(entries.hva())
          .putLong(page)
          .putLong(action.get(ValueLayout.JAVA_LONG, 0));
      NativeStub stub = NativeStub.of(code);
      // The JVM's flags and mask stay: its handler sees what it would have seen.
      action.set(ValueLayout.JAVA_LONG, 0, stub.address());
      check(SystemCalls.callInt(sigaction, SIGBUS, action.address(), 0, 0, 0, 0));
      table = entries;
      handler = stub;
    }
  }

  private static void check(int result) {
    if (result < 0) {
      throw new IllegalStateException("sigaction(SIGBUS): errno " + -result);
    }
  }

  private long field(int offset) {
    return table.segment().get(ValueLayout.JAVA_LONG, (long) entry * ENTRY_BYTES + offset);
  }

  /**
   * How many accesses found no file behind the memory since this was last asked: those pages are
   * zeros until a file is mapped there again.
   */
  public long takeHits() {
    long hits = field(HITS);
    if (hits != 0) {
      table.segment().set(ValueLayout.JAVA_LONG, (long) entry * ENTRY_BYTES + HITS, 0);
    }
    return hits;
  }

  /** Whether all of the memory became zeros. */
  public boolean isLost() {
    return field(LOST) != 0;
  }

  /** Guards no longer. */
  @Override
  public void close() {
    synchronized (TruncationGuard.class) {
      table.segment().set(ValueLayout.JAVA_LONG, (long) entry * ENTRY_BYTES + END, 0);
    }
  }
}
