package dev.quire.emulator.device.x86;

import dev.quire.emulator.device.BytePortDevice;
import dev.quire.emulator.device.DeviceState;
import dev.quire.emulator.device.EventQueue;
import dev.quire.emulator.device.InterruptLine;
import dev.quire.emulator.device.StateReader;
import dev.quire.emulator.device.StateWriter;
import dev.quire.emulator.device.TickRate;
import dev.quire.emulator.device.VirtualClock;

/**
 * The PC's CMOS memory and real-time clock at ports 0x70/0x71 (Motorola MC146818 data sheet).
 *
 * <p>The clock starts at a given date and runs on virtual time. UIP is up for the last 2228 us of
 * each second (244 us of warning and 1984 us of update); the registers change at the end. Flags in
 * register C are worked out when somebody looks; an event is armed only while an enabled interrupt
 * could raise a line that is down, so an ignored interrupt costs nothing.
 */
public final class CmosRtc implements BytePortDevice, DeviceState {
  private static final TickRate DIVIDER = new TickRate(32_768);
  private static final long UPDATE_NANOS = 2_228_000;

  private static final int A = 0x0a;
  private static final int B = 0x0b;
  private static final int C = 0x0c;
  private static final int D = 0x0d;
  private static final int A_UIP = 0x80;
  private static final int C_IRQF = 0x80;
  private static final int PERIODIC = 0x40;
  private static final int ALARM = 0x20;
  private static final int UPDATE = 0x10;

  private final VirtualClock clock;
  private final EventQueue events;
  private final InterruptLine irq8;
  private final EventQueue.Event nextFlag;
  private final byte[] cells = new byte[128];
  private final RtcCalendar calendar;
  private int index;
  private int flags;

  /** Until when {@link #flags} is right. */
  private long flagsNanos;

  /** {@code startEpochSeconds} is the date at virtual time 0, in seconds since 1970. */
  public CmosRtc(
      VirtualClock clock,
      EventQueue events,
      InterruptLine irq8,
      long startEpochSeconds,
      long ramBelow4GiBBytes,
      long ramAbove4GiBBytes) {
    this.clock = clock;
    this.events = events;
    this.irq8 = irq8;
    nextFlag = events.create(this::flagDue);
    calendar = new RtcCalendar(cells, startEpochSeconds);
    cells[A] = 0x26; // 32768 Hz time base, 1024 Hz periodic rate
    cells[B] = 0x02; // 24-hour mode, BCD
    cells[D] = (byte) 0x80; // battery good
    storeMemorySize(ramBelow4GiBBytes, ramAbove4GiBBytes);
  }

  /** The registers PC firmware fills; SeaBIOS and QEMU's hw/i386 use these numbers. */
  private void storeMemorySize(long below, long above) {
    long baseKib = Math.min(below >>> 10, 640);
    long extendedKib = Math.min(Math.max((below >>> 10) - 1024, 0), 0xffff);
    long over16MibUnits = Math.min(Math.max((below >>> 16) - 256, 0), 0xffff);
    long over4GibUnits = Math.min(above >>> 16, 0xff_ffff);
    cells[0x14] = 0x06; // FPU and PS/2 mouse, no floppy
    store(0x15, baseKib, 2);
    store(0x17, extendedKib, 2);
    store(0x30, extendedKib, 2);
    store(0x34, over16MibUnits, 2);
    store(0x5b, over4GibUnits, 3);
  }

  private void store(int first, long value, int count) {
    for (int i = 0; i < count; i++) {
      cells[first + i] = (byte) (value >>> (8 * i));
    }
  }

  @Override
  public int readByte(int port) {
    if ((port & 1) == 0) {
      return 0xff; // the index is write-only
    }
    long now = clock.nowNanos();
    if (RtcCalendar.isTime(index)) {
      return calendar.read(index, now);
    }
    return switch (index) {
      case A -> cells[A] & 0x7f | (updateInProgress(now) ? A_UIP : 0);
      case C -> readFlags(now);
      default -> cells[index] & 0xff;
    };
  }

  @Override
  public void writeByte(int port, int value) {
    if ((port & 1) == 0) {
      index = value & 0x7f;
      return;
    }
    long now = clock.nowNanos();
    collectFlags(now);
    if (RtcCalendar.isTime(index)) {
      calendar.write(index, value, now);
    } else if (index == A || index == B) {
      calendar.beforeModeChange(now);
      cells[index] = (byte) (index == A ? value & 0x7f : controlB(value));
      calendar.afterModeChange(now);
    } else if (index != C && index != D) {
      cells[index] = (byte) value;
    }
    updateIrq(now);
  }

  /** SET going up clears the update interrupt enable. */
  private static int controlB(int value) {
    return (value & 0x80) != 0 ? value & ~UPDATE : value;
  }

  private boolean updateInProgress(long now) {
    return calendar.isRunning() && calendar.nextSecondNanos(now) - now <= UPDATE_NANOS;
  }

  private int readFlags(long now) {
    collectFlags(now);
    int value = flags | (interrupting() ? C_IRQF : 0);
    flags = 0;
    updateIrq(now);
    return value;
  }

  private boolean interrupting() {
    return (flags & cells[B] & (PERIODIC | ALARM | UPDATE)) != 0;
  }

  /** Sets what has become due since the last look. */
  private void collectFlags(long now) {
    if (nextPeriodicNanos(flagsNanos) <= now) {
      flags |= PERIODIC;
    }
    if (calendar.isRunning()) {
      if (calendar.nextSecondNanos(flagsNanos) <= now) {
        flags |= UPDATE;
      }
      if (calendar.nextAlarmNanos(flagsNanos) <= now) {
        flags |= ALARM;
      }
    }
    flagsNanos = now;
  }

  /** When the divider chain next ends a period: rates 1 and 2 are those of 8 and 9. */
  private long nextPeriodicNanos(long after) {
    int rate = cells[A] & 15;
    if (rate == 0 || calendar.dividerReset()) {
      return EventQueue.NEVER;
    }
    int shift = rate <= 2 ? rate + 6 : rate - 1;
    return DIVIDER.nanosAt((DIVIDER.ticksAt(after) >>> shift) + 1 << shift);
  }

  private void flagDue() {
    long now = clock.nowNanos();
    collectFlags(now);
    updateIrq(now);
  }

  private void updateIrq(long now) {
    irq8.set(interrupting());
    arm(now);
  }

  private void arm(long now) {
    long next = EventQueue.NEVER;
    int enabled = cells[B];
    if (!interrupting()) {
      if ((enabled & PERIODIC) != 0) {
        next = nextPeriodicNanos(now);
      }
      if ((enabled & UPDATE) != 0 && calendar.isRunning()) {
        next = Math.min(next, calendar.nextSecondNanos(now));
      }
      if ((enabled & ALARM) != 0 && calendar.isRunning()) {
        next = Math.min(next, calendar.nextAlarmNanos(now));
      }
    }
    events.reschedule(nextFlag, next);
  }

  @Override
  public void save(StateWriter writer) {
    collectFlags(clock.nowNanos());
    writer.begin("cmos-rtc", 1);
    writer.putBytes(cells).putByte(index).putByte(flags);
    calendar.save(writer);
    writer.end();
  }

  @Override
  public void load(StateReader reader) {
    reader.begin("cmos-rtc", 1);
    reader.getBytes(cells);
    index = reader.getInt8(0, 0x7f, "index");
    flags = reader.getByte() & (PERIODIC | ALARM | UPDATE);
    calendar.load(reader);
    reader.end();
    flagsNanos = clock.nowNanos();
    arm(flagsNanos);
  }
}
