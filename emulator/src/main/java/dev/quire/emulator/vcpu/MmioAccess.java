package dev.quire.emulator.vcpu;

import dev.quire.emulator.exec.BouncePage;
import dev.quire.emulator.exec.EngineExit;
import dev.quire.emulator.exec.ExecutionEngine;

/**
 * One instruction's accesses to devices, carried out by the core itself on bounce pages.
 *
 * <p>What is read is asked of the device first, piece by piece; then the instruction executes; then
 * what it stored is given to the device. Pieces are at most 8 bytes and do not cross pages, as
 * KVM's. Another device page that the instruction turns out to touch is added before it retires:
 * each page's part is an access of its own.
 */
final class MmioAccess {
  private static final int PIECE_BYTES = 8;
  private static final int LONGEST = 256;

  private enum Phase {
    IDLE,
    READING,
    EXECUTING,
    WRITING
  }

  /** What the instruction accesses in one page. */
  private static final class Part {
    private final byte[] read = new byte[LONGEST];
    private long gpa;
    private int offset;
    private int bytes;
    private boolean reads;
    private boolean writes;

    /** The page as it is in memory, where only stores are the device's; else null. */
    private byte[] memory;
  }

  private final ExecutionEngine engine;
  private final Part[] parts = new Part[ExecutionEngine.MOST_BOUNCES];
  private final long[] vas = new long[ExecutionEngine.MOST_BOUNCES];
  private int count;
  private Phase phase = Phase.IDLE;
  private int current;
  private int doneBytes;

  MmioAccess(ExecutionEngine engine) {
    this.engine = engine;
    for (int i = 0; i < parts.length; i++) {
      parts[i] = new Part();
    }
  }

  boolean inProgress() {
    return phase != Phase.IDLE;
  }

  /** Whether the instruction touches more device pages than any does. */
  boolean isFull() {
    return count == parts.length;
  }

  /**
   * Begins or widens the access by this shape at {@code va}, which maps to {@code gpa}.
   *
   * @param memory the page that reads get; null if the device answers them
   */
  void add(long va, long gpa, long shape, byte[] memory) {
    vas[count] = va;
    Part part = parts[count];
    part.gpa = gpa;
    part.offset = (int) (va & 0xfff);
    part.bytes = AccessShape.bytes(shape);
    part.reads = AccessShape.reads(shape) && memory == null;
    part.memory = memory;
    part.writes = AccessShape.writes(shape);
    current = count++;
    doneBytes = 0;
    phase = part.reads ? Phase.READING : Phase.EXECUTING;
  }

  /** The next question to the machine, or null when it is the core's turn or all is done. */
  VcpuExit next() {
    if (phase == Phase.READING && doneBytes == parts[current].bytes) {
      phase = Phase.EXECUTING;
    }
    if (phase == Phase.WRITING && !findUnwritten()) {
      abandon();
    }
    Part part = parts[current];
    int piece = Math.min(PIECE_BYTES, part.bytes - doneBytes);
    return switch (phase) {
      case READING -> new VcpuExit.Mmio(part.gpa + doneBytes, piece, false, 0);
      case WRITING -> {
        long data = engine.bounce(current).get(part.offset + doneBytes, piece);
        VcpuExit exit = new VcpuExit.Mmio(part.gpa + doneBytes, piece, true, data);
        doneBytes += piece;
        yield exit;
      }
      case IDLE, EXECUTING -> null;
    };
  }

  /** Goes on to the part that is written next; false if there is none. */
  private boolean findUnwritten() {
    while (current < count) {
      if (parts[current].writes && doneBytes < parts[current].bytes) {
        return true;
      }
      current++;
      doneBytes = 0;
    }
    current = 0;
    return false;
  }

  /** Takes the device's answer to the last question. */
  void completeRead(long data) {
    Part part = parts[current];
    int piece = Math.min(PIECE_BYTES, part.bytes - doneBytes);
    for (int i = 0; i < piece; i++) {
      part.read[doneBytes++] = (byte) (data >>> Byte.SIZE * i);
    }
  }

  boolean awaitsData() {
    return phase == Phase.READING;
  }

  /** Executes the instruction; null when it retired. */
  EngineExit execute() {
    for (int i = 0; i < count; i++) {
      // An earlier attempt may have stored there.
      if (parts[i].memory != null) {
        show(parts[i].memory, engine.bounce(i));
      } else if (parts[i].reads) {
        show(parts[i], engine.bounce(i));
      }
    }
    EngineExit exit = engine.stepThroughBounce(vas, count);
    if (exit == null) {
      current = 0;
      doneBytes = 0;
      phase = Phase.WRITING;
    }
    return exit;
  }

  private static void show(Part part, BouncePage page) {
    for (int i = 0; i < part.bytes; i++) {
      page.put(part.offset + i, 1, part.read[i]);
    }
  }

  private static void show(byte[] memory, BouncePage page) {
    for (int i = 0; i < memory.length; i++) {
      page.put(i, 1, memory[i]);
    }
  }

  void abandon() {
    phase = Phase.IDLE;
    count = 0;
    current = 0;
  }
}
