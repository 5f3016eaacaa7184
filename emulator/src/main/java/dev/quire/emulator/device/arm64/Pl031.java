package dev.quire.emulator.device.arm64;

import dev.quire.emulator.device.DeviceState;
import dev.quire.emulator.device.EventQueue;
import dev.quire.emulator.device.InterruptLine;
import dev.quire.emulator.device.StateReader;
import dev.quire.emulator.device.StateWriter;
import dev.quire.emulator.device.VirtualClock;
import dev.quire.emulator.device.WordMmioDevice;

/**
 * An Arm PrimeCell real-time clock, PL031 (Arm DDI 0224): a 32-bit count of seconds that starts at
 * a given date, runs on virtual time and wraps. As on QEMU it runs from the start and cannot be
 * stopped. The match interrupt is raised when the count becomes equal to the match register.
 */
public final class Pl031 implements WordMmioDevice, DeviceState {
  public static final long BYTES = 0x1000;

  private static final long SECOND = 1_000_000_000L;
  private static final int[] IDS = {0x31, 0x10, 0x04, 0x00, 0x0d, 0xf0, 0x05, 0xb1};

  private final VirtualClock clock;
  private final EventQueue events;
  private final InterruptLine irq;
  private final EventQueue.Event matched;

  /** Count minus whole seconds of virtual time, modulo 2^32. */
  private int offsetSeconds;

  private int match;
  private int load;
  private boolean mask;
  private boolean raw;

  /** {@code startEpochSeconds} is the date at virtual time 0, in seconds since 1970. */
  public Pl031(VirtualClock clock, EventQueue events, InterruptLine irq, long startEpochSeconds) {
    this.clock = clock;
    this.events = events;
    this.irq = irq;
    offsetSeconds = (int) startEpochSeconds;
    load = offsetSeconds;
    matched = events.create(this::matchReached);
    arm();
  }

  @Override
  public int readWord(long offsetBytes) {
    int offset = (int) offsetBytes;
    if (offset >= 0xfe0 && offset < 0x1000) {
      return IDS[offset - 0xfe0 >>> 2];
    }
    return switch (offset) {
      case 0x00 -> count();
      case 0x04 -> match;
      case 0x08 -> load;
      case 0x0c -> 1;
      case 0x10 -> mask ? 1 : 0;
      case 0x14 -> raw ? 1 : 0;
      case 0x18 -> raw && mask ? 1 : 0;
      default -> 0;
    };
  }

  @Override
  public void writeWord(long offsetBytes, int value) {
    switch ((int) offsetBytes) {
      case 0x04 -> {
        match = value;
        raw |= count() == match;
      }
      case 0x08 -> {
        load = value;
        offsetSeconds += value - count();
        raw |= count() == match;
      }
      case 0x10 -> mask = (value & 1) != 0;
      case 0x1c -> raw &= (value & 1) == 0;
      default -> {
        // The count, the control bit and the status registers are read-only.
      }
    }
    irq.set(raw && mask);
    arm();
  }

  private int count() {
    return (int) (clock.nowNanos() / SECOND) + offsetSeconds;
  }

  private void matchReached() {
    raw = true;
    irq.set(mask);
    arm();
  }

  /** The next second, after the current one, in which the count equals the match register. */
  private void arm() {
    long ahead = match - count() & 0xffff_ffffL;
    long seconds = clock.nowNanos() / SECOND + (ahead == 0 ? 1L << 32 : ahead);
    events.reschedule(
        matched, seconds > EventQueue.NEVER / SECOND ? EventQueue.NEVER : seconds * SECOND);
  }

  @Override
  public void save(StateWriter writer) {
    writer.begin("pl031", 1);
    writer.putInt(offsetSeconds).putInt(match).putInt(load).putBoolean(mask).putBoolean(raw);
    writer.putBoolean(matched.atNanos() <= clock.nowNanos()).end();
  }

  @Override
  public void load(StateReader reader) {
    reader.begin("pl031", 1);
    offsetSeconds = reader.getInt();
    match = reader.getInt();
    load = reader.getInt();
    mask = reader.getBoolean();
    raw = reader.getBoolean();
    boolean dueNow = reader.getBoolean();
    reader.end();
    arm();
    if (dueNow) {
      events.reschedule(matched, clock.nowNanos());
    }
  }
}
