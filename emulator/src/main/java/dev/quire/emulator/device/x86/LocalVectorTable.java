package dev.quire.emulator.device.x86;

import dev.quire.emulator.device.StateReader;
import dev.quire.emulator.device.StateWriter;
import java.util.Arrays;
import java.util.function.IntUnaryOperator;

/**
 * The local vector table (Intel SDM volume 3, figure "Local Vector Table").
 *
 * <pre>
 *  31        19 18 17 16 15 14 13 12 11 10   8 7        0
 * |  reserved  | mode |M |T |R |P |S | 0|  DM  |  vector  |
 * </pre>
 *
 * mode: timer only. M: masked. T: level-triggered, R: remote IRR, P: polarity: LINT pins only. S:
 * delivery status, always idle here. DM: delivery mode, not for timer and error.
 */
final class LocalVectorTable {
  static final int TIMER = 0;
  static final int THERMAL = 1;
  static final int PERFORMANCE = 2;
  static final int LINT0 = 3;
  static final int LINT1 = 4;
  static final int ERROR = 5;

  private static final int FIRST_OFFSET = 0x320;
  private static final int ENTRIES = 6;
  private static final int MASKED = 1 << 16;
  private static final int LEVEL = 1 << 15;
  private static final int REMOTE_IRR = 1 << 14;
  private static final int EXTINT_UNMASKED = 0x700;
  private static final int[] WRITABLE = {0x700ff, 0x107ff, 0x107ff, 0x1a7ff, 0x1a7ff, 0x100ff};

  private final int[] entries = new int[ENTRIES];

  /** The entry whose register is at {@code offset} of the APIC page, or -1. */
  static int entryAt(int offset) {
    int index = offset - FIRST_OFFSET >> 4;
    return (offset & 0xf) == 0 && index >= 0 && index < ENTRIES ? index : -1;
  }

  void reset(boolean bootProcessor) {
    Arrays.fill(entries, MASKED);
    if (bootProcessor) {
      entries[LINT0] = EXTINT_UNMASKED;
    }
  }

  /** Takes entries by the offsets of their registers. */
  void restore(IntUnaryOperator at) {
    for (int entry = 0; entry < ENTRIES; entry++) {
      boolean pin = entry == LINT0 || entry == LINT1;
      entries[entry] =
          at.applyAsInt(FIRST_OFFSET + 16 * entry) & (WRITABLE[entry] | (pin ? REMOTE_IRR : 0));
    }
  }

  int read(int entry) {
    return entries[entry];
  }

  /** While the APIC is disabled by software, mask bits cannot be cleared. */
  void write(int entry, int value, boolean softwareEnabled) {
    int kept = entries[entry] & REMOTE_IRR;
    int written = value & WRITABLE[entry] | kept | (softwareEnabled ? 0 : MASKED);
    // Remote IRR means nothing for an edge.
    entries[entry] = (written & LEVEL) == 0 ? written & ~REMOTE_IRR : written;
  }

  void maskAll() {
    for (int i = 0; i < ENTRIES; i++) {
      entries[i] |= MASKED;
    }
  }

  boolean isMasked(int entry) {
    return (entries[entry] & MASKED) != 0;
  }

  boolean isLevel(int entry) {
    return (entries[entry] & LEVEL) != 0;
  }

  int vector(int entry) {
    return entries[entry] & 0xff;
  }

  int deliveryMode(int entry) {
    return entries[entry] >>> 8 & 7;
  }

  int timerMode() {
    return entries[TIMER] >>> 17 & 3;
  }

  /** Unmasked, fixed, level-triggered and not in service. */
  boolean requestsByLevel(int entry) {
    return (entries[entry] & (MASKED | LEVEL | REMOTE_IRR | 0x700)) == LEVEL;
  }

  void setRemoteIrr(int entry) {
    entries[entry] |= REMOTE_IRR;
  }

  /** End of interrupt: clears remote IRR of the entry if it is in service with this vector. */
  boolean endLevel(int entry, int vector) {
    boolean mine = (entries[entry] & REMOTE_IRR) != 0 && vector(entry) == vector;
    if (mine) {
      entries[entry] &= ~REMOTE_IRR;
    }
    return mine;
  }

  void save(StateWriter writer) {
    writer.putInts(entries);
  }

  void load(StateReader reader) {
    reader.getInts(entries);
    for (int i = 0; i < ENTRIES; i++) {
      entries[i] &= WRITABLE[i] | (i == LINT0 || i == LINT1 ? REMOTE_IRR : 0);
    }
  }
}
