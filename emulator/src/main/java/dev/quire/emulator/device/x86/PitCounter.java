package dev.quire.emulator.device.x86;

import dev.quire.emulator.device.EventQueue;
import dev.quire.emulator.device.StateReader;
import dev.quire.emulator.device.StateWriter;

/**
 * One counter of the 8254, as a function of the input clock's tick number (Intel 8254 data sheet
 * 231164, "Mode Definitions").
 *
 * <p>A count written at tick T is loaded by the next clock pulse, T + 1. Nothing is counted down
 * step by step: {@link #sync} moves the counter over any number of periods at once, and the count
 * and OUT follow from the elapsed clocks.
 *
 * <p>A count of 1 is illegal in modes 2 and 3; it acts as 2 here.
 */
final class PitCounter {
  private static final long NEVER = EventQueue.NEVER;
  private static final int BINARY_PERIOD = 0x1_0000;
  private static final int BCD_PERIOD = 10_000;

  /** Out of reset OUT is high: programming a periodic mode then makes no edge. */
  private int mode = 3;

  private boolean bcd;
  private int access = 3;
  private boolean gate = true;

  /** Whether a count runs (or is loaded by the next pulse); OUT is at its initial level if not. */
  private boolean running;

  /** Tick at which {@link #periodTicks} was loaded; one in the future right after a write. */
  private long loadTick;

  private long periodTicks = 1;

  /** A count that waits for the end of the period (modes 2, 3) or a trigger (1, 5); 0 is none. */
  private long waitingTicks;

  /** Modes 2 and 3: the tick at which the waiting count is taken. */
  private long waitingAtTick;

  /** Elapsed clocks at which a low GATE holds the counter, or -1. */
  private long heldTicks = -1;

  /** Modes 4 and 5: the one tick at which OUT is low, whatever GATE does then. */
  private long strobeTick = NEVER;

  private boolean writeHigh;
  private int writtenLow;
  private boolean readHigh;
  private int latchedCount = -1;
  private int latchedStatus = -1;

  /** Control word for this counter with RW 1..3: everything starts over. */
  void program(int controlWord) {
    access = controlWord >>> 4 & 3;
    int field = controlWord >>> 1 & 7;
    mode = field > 5 ? field - 4 : field;
    bcd = (controlWord & 1) != 0;
    running = false;
    waitingTicks = 0;
    heldTicks = -1;
    strobeTick = NEVER;
    writeHigh = false;
    readHigh = false;
    latchedCount = -1;
    latchedStatus = -1;
  }

  void writeByte(int value, long nowTick) {
    sync(nowTick);
    if (access == 1) {
      load(value, nowTick);
    } else if (access == 2) {
      load(value << 8, nowTick);
    } else if (writeHigh) {
      writeHigh = false;
      load(value << 8 | writtenLow, nowTick);
    } else {
      writeHigh = true;
      writtenLow = value;
      if (mode == 0) {
        running = false; // "writing the first byte disables counting"; OUT goes low
      }
    }
  }

  private void load(int register, long nowTick) {
    long ticks = decode(register);
    if (isPeriodic()) {
      ticks = Math.max(ticks, 2);
      if (running && nowTick >= loadTick) {
        waitingTicks = ticks;
        long half = loadTick + highTicks(periodTicks);
        waitingAtTick = mode == 3 && nowTick < half ? half : loadTick + periodTicks;
        return;
      }
    } else if (mode == 1 || mode == 5) {
      waitingTicks = ticks;
      return;
    }
    start(ticks, nowTick + 1);
    if (!gate) {
      heldTicks = 0;
      strobeTick = NEVER;
    }
  }

  private void start(long ticks, long atTick) {
    running = true;
    periodTicks = ticks;
    loadTick = atTick;
    waitingTicks = 0;
    heldTicks = -1;
    strobeTick = mode >= 4 ? atTick + ticks : NEVER;
  }

  void setGate(boolean level, long nowTick) {
    sync(nowTick);
    boolean rising = level && !gate;
    boolean falling = !level && gate;
    gate = level;
    if (mode == 1 || mode == 5) {
      if (rising && (running || waitingTicks != 0)) {
        start(waitingTicks != 0 ? waitingTicks : periodTicks, nowTick + 1);
      }
    } else if (running && falling) {
      heldTicks = elapsed(nowTick);
      if (strobeTick > nowTick) {
        strobeTick = NEVER;
      }
    } else if (running && rising && isPeriodic()) {
      start(waitingTicks != 0 ? waitingTicks : periodTicks, nowTick + 1);
    } else if (running && rising) {
      loadTick = heldTicks == 0 ? Math.max(loadTick, nowTick) : nowTick - heldTicks;
      if (mode == 4 && heldTicks < periodTicks) {
        strobeTick = loadTick + periodTicks;
      }
      heldTicks = -1;
    }
  }

  boolean gate() {
    return gate;
  }

  int mode() {
    return mode;
  }

  /** Brings the counter to {@code nowTick}: whole periods pass, a waiting count is loaded. */
  void sync(long nowTick) {
    if (!running || heldTicks >= 0 || !isPeriodic()) {
      return;
    }
    if (waitingTicks != 0 && waitingAtTick <= nowTick) {
      long ticks = waitingTicks;
      boolean lowHalfFirst = waitingAtTick != loadTick + periodTicks;
      start(ticks, lowHalfFirst ? waitingAtTick - highTicks(ticks) : waitingAtTick);
    }
    loadTick += elapsed(nowTick) / periodTicks * periodTicks;
  }

  /** The level of OUT. */
  boolean out(long nowTick) {
    sync(nowTick);
    boolean loaded = running && nowTick >= loadTick;
    long elapsed = elapsed(nowTick);
    return switch (mode) {
      case 0 -> running && elapsed >= periodTicks;
      case 1 -> !loaded || elapsed >= periodTicks;
      case 2 -> !loaded || heldTicks >= 0 || elapsed != periodTicks - 1;
      case 3 -> !loaded || heldTicks >= 0 || elapsed < highTicks(periodTicks);
      default -> nowTick != strobeTick;
    };
  }

  /** The first tick after {@code nowTick} at which OUT may change, or {@link EventQueue#NEVER}. */
  long nextTransition(long nowTick) {
    sync(nowTick);
    if (mode >= 4) {
      return strobeTick > nowTick ? strobeTick : strobeTick == nowTick ? nowTick + 1 : NEVER;
    }
    if (!running || heldTicks >= 0) {
      return NEVER;
    }
    long end = loadTick + periodTicks;
    long first =
        switch (mode) {
          case 1 -> loadTick;
          case 2 -> end - 1;
          case 3 -> loadTick + highTicks(periodTicks);
          default -> end;
        };
    return first > nowTick ? first : end > nowTick ? end : NEVER;
  }

  int readByte(long nowTick) {
    sync(nowTick);
    if (latchedStatus >= 0) {
      int status = latchedStatus;
      latchedStatus = -1;
      return status;
    }
    int count = latchedCount >= 0 ? latchedCount : count(nowTick);
    boolean high = access == 2 || access == 3 && readHigh;
    if (access == 3) {
      readHigh = !readHigh;
    }
    if (access != 3 || high) {
      latchedCount = -1;
    }
    return high ? count >>> 8 : count & 0xff;
  }

  /** Counter latch command; a count latched already stays until it has been read. */
  void latchCount(long nowTick) {
    sync(nowTick);
    if (latchedCount < 0) {
      latchedCount = count(nowTick);
    }
  }

  /** Status half of the read-back command. */
  void latchStatus(long nowTick) {
    if (latchedStatus < 0) {
      int outBit = out(nowTick) ? 0x80 : 0;
      boolean nullCount = !running || waitingTicks != 0 || nowTick < loadTick;
      latchedStatus = outBit | (nullCount ? 0x40 : 0) | access << 4 | mode << 1 | (bcd ? 1 : 0);
    }
  }

  /** The 16-bit counting element, in the programmed code. */
  private int count(long nowTick) {
    if (!running) {
      return 0;
    }
    long elapsed = elapsed(nowTick);
    long value =
        switch (mode) {
          case 2 -> periodTicks - elapsed;
          case 3 -> squareWaveCount(elapsed);
          default -> periodTicks - elapsed;
        };
    long wrap = bcd ? BCD_PERIOD : BINARY_PERIOD;
    return encode((int) Math.floorMod(value, wrap));
  }

  /** Mode 3 counts by two in each half; an odd count first loses one. */
  private long squareWaveCount(long elapsed) {
    long high = highTicks(periodTicks);
    long inHalf = elapsed < high ? elapsed : elapsed - high;
    return (periodTicks & ~1L) - 2 * inHalf;
  }

  private static long highTicks(long periodTicks) {
    return (periodTicks + 1) / 2;
  }

  private boolean isPeriodic() {
    return mode == 2 || mode == 3;
  }

  private long elapsed(long nowTick) {
    return heldTicks >= 0 ? heldTicks : Math.max(0, nowTick - loadTick);
  }

  private long decode(int register) {
    if (!bcd) {
      return register == 0 ? BINARY_PERIOD : register;
    }
    int value = 0;
    for (int shift = 12; shift >= 0; shift -= 4) {
      value = value * 10 + (register >>> shift & 15);
    }
    value %= BCD_PERIOD;
    return value == 0 ? BCD_PERIOD : value;
  }

  private int encode(int value) {
    if (!bcd) {
      return value;
    }
    return value / 1000 % 10 << 12 | value / 100 % 10 << 8 | value / 10 % 10 << 4 | value % 10;
  }

  PitCounterState state(long nowTick) {
    sync(nowTick);
    return new PitCounterState(
        running ? (int) periodTicks : 0,
        Pit8254.CLOCK.nanosAt(Math.max(0, loadTick)),
        latchedCount,
        latchedStatus,
        readHigh,
        writeHigh,
        writtenLow,
        access,
        mode,
        bcd,
        gate);
  }

  /** Loads a counter, which starts its count anew. */
  void setState(PitCounterState from, long nowTick) {
    program((from.access() == 0 ? 3 : from.access() & 3) << 4 | Math.clamp(from.mode(), 0, 5) << 1);
    bcd = from.bcd();
    gate = from.gate();
    if (from.initialTicks() > 0) {
      int least = isPeriodic() ? 2 : 1;
      start(Math.clamp(from.initialTicks(), least, BINARY_PERIOD), nowTick);
      if (!gate) {
        heldTicks = 0;
        strobeTick = NEVER;
      }
    }
    latchedCount = from.latchedCount();
    latchedStatus = from.latchedStatus();
    readHigh = from.readHigh();
    writeHigh = from.writeHigh();
    writtenLow = from.writtenLow() & 0xff;
  }

  void save(StateWriter writer) {
    writer.begin("pit-counter", 1);
    writer.putByte(mode).putBoolean(bcd).putByte(access).putBoolean(gate).putBoolean(running);
    writer.putLong(loadTick).putLong(periodTicks).putLong(waitingTicks).putLong(waitingAtTick);
    writer
        .putLong(heldTicks)
        .putLong(strobeTick)
        .putBoolean(writeHigh)
        .putByte(writtenLow)
        .putBoolean(readHigh);
    writer.putInt(latchedCount).putInt(latchedStatus).end();
  }

  void load(StateReader reader) {
    reader.begin("pit-counter", 1);
    mode = reader.getInt8(0, 5, "mode");
    bcd = reader.getBoolean();
    access = reader.getInt8(1, 3, "access");
    gate = reader.getBoolean();
    running = reader.getBoolean();
    loadTick = reader.getLong(-BINARY_PERIOD, Long.MAX_VALUE / 4, "load tick");
    periodTicks = reader.getLong(running && isPeriodic() ? 2 : 1, BINARY_PERIOD, "period");
    waitingTicks = reader.getLong(0, BINARY_PERIOD, "waiting count");
    waitingAtTick = reader.getLong(0, Long.MAX_VALUE / 4, "waiting tick");
    heldTicks = reader.getLong(-1, Long.MAX_VALUE / 4, "held ticks");
    strobeTick = reader.getLong(-BINARY_PERIOD, NEVER, "strobe tick");
    writeHigh = reader.getBoolean();
    writtenLow = reader.getByte();
    readHigh = reader.getBoolean();
    latchedCount = reader.getInt(-1, 0xffff, "latched count");
    latchedStatus = reader.getInt(-1, 0xff, "latched status");
    reader.end();
  }
}
