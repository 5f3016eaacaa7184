package dev.quire.emulator.device.x86;

import dev.quire.emulator.device.StateReader;
import dev.quire.emulator.device.StateWriter;
import java.util.function.IntUnaryOperator;

/**
 * The vectors one local APIC holds, requested (IRR) or in service (ISR), which of them are
 * level-triggered (TMR), and the priorities that follow from them and the task priority (Intel SDM
 * volume 3, "Task and Processor Priorities").
 */
final class ApicVectors {
  private static final int ISR = 0x100;
  private static final int TMR = 0x180;
  private static final int IRR = 0x200;
  private static final int END = 0x280;

  /** A priority is in bits 4..7; its class is all that is compared. */
  private static final int CLASS = 0xf0;

  private final VectorSet inService = new VectorSet();
  private final VectorSet levelTriggered = new VectorSet();
  private final VectorSet requested = new VectorSet();
  private int taskPriority;

  void reset() {
    inService.clear();
    levelTriggered.clear();
    requested.clear();
    taskPriority = 0;
  }

  int taskPriority() {
    return taskPriority;
  }

  void setTaskPriority(int value) {
    taskPriority = value & 0xff;
  }

  /** PPR: the higher of task priority and in-service class. */
  int processorPriority() {
    int serving = Math.max(inService.highest(), 0) & CLASS;
    return (taskPriority & CLASS) >= serving ? taskPriority : serving;
  }

  /** APR. */
  int arbitrationPriority() {
    int serving = Math.max(inService.highest(), 0) & CLASS;
    int waiting = Math.max(requested.highest(), 0) & CLASS;
    int task = taskPriority & CLASS;
    return task >= waiting && task > serving ? taskPriority : Math.max(serving, waiting);
  }

  void request(int vector, boolean level) {
    requested.add(vector);
    levelTriggered.set(vector, level);
  }

  /** The requested vector whose class is above the processor's, or -1. */
  int deliverable() {
    int vector = requested.highest();
    return vector >= 0 && vector >>> 4 > processorPriority() >>> 4 ? vector : -1;
  }

  void beginService(int vector) {
    requested.remove(vector);
    inService.add(vector);
  }

  /** The vector whose service ends, or -1 if none is in service. */
  int endService() {
    int vector = inService.highest();
    if (vector >= 0) {
      inService.remove(vector);
    }
    return vector;
  }

  /** Whether a vector is requested or in service. */
  boolean isPending(int vector) {
    return requested.contains(vector) || inService.contains(vector);
  }

  /** The highest vector in service, or -1. */
  int highestInService() {
    return inService.highest();
  }

  /** The highest vector requested, whatever the priorities say, or -1. */
  int highestRequested() {
    return requested.highest();
  }

  boolean isLevelTriggered(int vector) {
    return levelTriggered.contains(vector);
  }

  /** Whether ISR, TMR and IRR are at {@code offset} of the register page. */
  static boolean covers(int offset) {
    return offset >= ISR && offset < END && (offset & 0xf) == 0;
  }

  /** The word at an offset that {@link #covers} holds for. */
  int read(int offset) {
    VectorSet set = offset < TMR ? inService : offset < IRR ? levelTriggered : requested;
    return set.word(offset >>> 4 & VectorSet.WORDS - 1);
  }

  /** Takes ISR, TMR and IRR by the offsets of their words. */
  void restore(IntUnaryOperator at) {
    for (int index = 0; index < VectorSet.WORDS; index++) {
      inService.setWord(index, at.applyAsInt(ISR + 16 * index));
      levelTriggered.setWord(index, at.applyAsInt(TMR + 16 * index));
      requested.setWord(index, at.applyAsInt(IRR + 16 * index));
    }
  }

  /** Saves ISR, TMR and IRR; the task priority is the APIC's to save. */
  void save(StateWriter writer) {
    inService.save(writer);
    levelTriggered.save(writer);
    requested.save(writer);
  }

  void load(StateReader reader) {
    inService.load(reader);
    levelTriggered.load(reader);
    requested.load(reader);
  }
}
