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
 * each operand's part of each page is an access of its own.
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

  /** What one operand of the instruction accesses in one page. */
  private static final class Part {
    private final byte[] read = new byte[LONGEST];
    private int page;
    private long gpa;
    private int offset;
    private int bytes;
    private boolean reads;
    private boolean writes;
  }

  /** Two operands a page. */
  private static final int MOST_PARTS = 2 * ExecutionEngine.MOST_BOUNCES;

  private final ExecutionEngine engine;
  private final long[] vas = new long[ExecutionEngine.MOST_BOUNCES];

  /** Pages as they are in memory, where only stores are the device's; else null. */
  private final byte[][] memories = new byte[ExecutionEngine.MOST_BOUNCES][];

  private final Part[] parts = new Part[MOST_PARTS];
  private int pages;
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
    return pages == vas.length;
  }

  /**
   * Begins or widens the access by this shape at {@code va}, which maps to {@code gpa}.
   *
   * @param memory the page that reads get; null if the device answers them
   */
  void add(long va, long gpa, long shape, byte[] memory) {
    vas[pages] = va;
    memories[pages] = memory;
    pages++;
    current = count;
    doneBytes = 0;
    phase = Phase.READING;
    addPart(gpa, shape);
  }

  /** Adds another operand in the page of the last {@link #add}, by its offset there. */
  void addToPage(long shape) {
    long page = parts[count - 1].gpa & -BouncePage.BYTES;
    addPart(page | AccessShape.offset(shape), shape);
  }

  private void addPart(long gpa, long shape) {
    Part part = parts[count++];
    part.page = pages - 1;
    part.gpa = gpa;
    part.offset = (int) gpa & BouncePage.BYTES - 1;
    part.bytes = AccessShape.bytes(shape);
    part.reads = AccessShape.reads(shape) && memories[part.page] == null;
    part.writes = AccessShape.writes(shape);
  }

  /** The next question to the machine, or null when it is the core's turn or all is done. */
  VcpuExit next() {
    if (phase == Phase.READING && !findPart()) {
      phase = Phase.EXECUTING;
    }
    if (phase == Phase.WRITING && !findPart()) {
      abandon();
    }
    Part part = parts[current];
    int piece = Math.min(PIECE_BYTES, part.bytes - doneBytes);
    return switch (phase) {
      case READING -> new VcpuExit.Mmio(part.gpa + doneBytes, piece, false, 0);
      case WRITING -> {
        long data = engine.bounce(part.page).get(part.offset + doneBytes, piece);
        VcpuExit exit = new VcpuExit.Mmio(part.gpa + doneBytes, piece, true, data);
        doneBytes += piece;
        yield exit;
      }
      case IDLE, EXECUTING -> null;
    };
  }

  /** Goes on to the part that is read or written next; false if there is none. */
  private boolean findPart() {
    while (current < count) {
      Part part = parts[current];
      boolean wanted = phase == Phase.READING ? part.reads : part.writes;
      if (wanted && doneBytes < part.bytes) {
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
    // An earlier attempt may have stored there.
    for (int i = 0; i < pages; i++) {
      if (memories[i] != null) {
        show(memories[i], engine.bounce(i));
      }
    }
    for (int i = 0; i < count; i++) {
      if (parts[i].reads) {
        show(parts[i], engine.bounce(parts[i].page));
      }
    }
    EngineExit exit = engine.stepThroughBounce(vas, pages);
    if (exit == null) {
      orderByAddress();
      current = 0;
      doneBytes = 0;
      phase = Phase.WRITING;
    }
    return exit;
  }

  /** A store across pages begins with the lower one, whichever was met first. */
  private void orderByAddress() {
    for (int i = 1; i < count; i++) {
      for (int j = i; j > 0 && address(parts[j]) < address(parts[j - 1]); j--) {
        Part part = parts[j];
        parts[j] = parts[j - 1];
        parts[j - 1] = part;
      }
    }
  }

  private long address(Part part) {
    return vas[part.page] & -BouncePage.BYTES | part.offset;
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
    pages = 0;
    count = 0;
    current = 0;
  }
}
