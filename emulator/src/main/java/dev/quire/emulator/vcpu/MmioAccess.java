package dev.quire.emulator.vcpu;

import dev.quire.emulator.exec.BouncePage;
import dev.quire.emulator.exec.EngineExit;
import dev.quire.emulator.exec.ExecutionEngine;

/**
 * One instruction's access to a device, carried out by the core itself on a bounce page.
 *
 * <p>What is read is asked of the device first, piece by piece; then the instruction executes; then
 * what it stored is given to the device. Pieces are at most 8 bytes, as KVM's are.
 */
final class MmioAccess {
  private static final int PIECE_BYTES = 8;

  private enum Phase {
    IDLE,
    READING,
    EXECUTING,
    WRITING
  }

  private final ExecutionEngine engine;
  private Phase phase = Phase.IDLE;
  private long va;
  private long gpa;
  private int bytes;
  private boolean writes;
  private int doneBytes;

  MmioAccess(ExecutionEngine engine) {
    this.engine = engine;
  }

  boolean inProgress() {
    return phase != Phase.IDLE;
  }

  /** Begins the access of this shape at {@code va}, which maps to {@code gpa}. */
  void begin(long va, long gpa, long shape) {
    this.va = va;
    this.gpa = gpa;
    bytes = AccessShape.bytes(shape);
    writes = AccessShape.writes(shape);
    doneBytes = 0;
    phase = AccessShape.reads(shape) ? Phase.READING : Phase.EXECUTING;
  }

  /** The next question to the machine, or null when it is the core's turn or all is done. */
  VcpuExit next() {
    if (phase == Phase.READING && doneBytes == bytes) {
      phase = Phase.EXECUTING;
    }
    if (phase == Phase.WRITING && doneBytes == bytes) {
      phase = Phase.IDLE;
    }
    int piece = Math.min(PIECE_BYTES, bytes - doneBytes);
    return switch (phase) {
      case READING -> new VcpuExit.Mmio(gpa + doneBytes, piece, false, 0);
      case WRITING -> {
        long data = engine.bounce().get(offset(), piece);
        VcpuExit exit = new VcpuExit.Mmio(gpa + doneBytes, piece, true, data);
        doneBytes += piece;
        yield exit;
      }
      case IDLE, EXECUTING -> null;
    };
  }

  /** Takes the device's answer to the last question. */
  void completeRead(long data) {
    int piece = Math.min(PIECE_BYTES, bytes - doneBytes);
    BouncePage page = engine.bounce();
    page.put(offset(), piece, data);
    doneBytes += piece;
  }

  boolean awaitsData() {
    return phase == Phase.READING;
  }

  /** Executes the instruction; null when it retired. */
  EngineExit execute() {
    EngineExit exit = engine.stepThroughBounce(va);
    if (exit == null) {
      doneBytes = 0;
      phase = writes ? Phase.WRITING : Phase.IDLE;
    }
    return exit;
  }

  void abandon() {
    phase = Phase.IDLE;
  }

  private int offset() {
    return (int) (va & 0xfff) + doneBytes;
  }
}
