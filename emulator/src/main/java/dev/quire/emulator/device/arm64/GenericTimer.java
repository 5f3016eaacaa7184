package dev.quire.emulator.device.arm64;

import dev.quire.emulator.device.DeviceState;
import dev.quire.emulator.device.EventQueue;
import dev.quire.emulator.device.InterruptLine;
import dev.quire.emulator.device.StateReader;
import dev.quire.emulator.device.StateWriter;
import dev.quire.emulator.device.VirtualClock;

/**
 * The generic timer of one vCPU, EL1 physical and EL1 virtual (Arm ARM DDI 0487, "The Generic Timer
 * in AArch64 state").
 *
 * <p>The system counter is virtual time itself: 1 GHz, one tick a nanosecond. Each timer drives its
 * interrupt at level ENABLE and not IMASK and condition met, where the condition is the unsigned
 * comparison {@code count >= CVAL}. Whether an EL0 access is allowed (CNTKCTL_EL1) is for the vCPU.
 */
public final class GenericTimer implements DeviceState {
  /** CNTFRQ_EL0: the counter's frequency in virtual time. */
  public static final long FREQUENCY_HZ = 1_000_000_000L;

  /** PPI of the EL1 virtual timer, as an interrupt id. */
  public static final int VIRTUAL_INTID = 27;

  /** PPI of the EL1 physical timer, as an interrupt id. */
  public static final int PHYSICAL_INTID = 30;

  private final VirtualClock clock;
  private final Comparator physical;
  private final Comparator virtual;
  private long frequencyRegister = FREQUENCY_HZ;
  private long virtualOffset;

  public GenericTimer(
      VirtualClock clock,
      EventQueue events,
      InterruptLine physicalInterrupt,
      InterruptLine virtualInterrupt) {
    this.clock = clock;
    physical = new Comparator(clock, events, physicalInterrupt);
    virtual = new Comparator(clock, events, virtualInterrupt);
  }

  /** Whether a system register (see {@link TimerRegister#encode}) is one of this timer's. */
  public static boolean owns(int systemRegister) {
    return TimerRegister.of(systemRegister) != null;
  }

  /** Reads a register that {@link #owns} admits; 0 for any other. */
  public long read(int systemRegister) {
    TimerRegister register = TimerRegister.of(systemRegister);
    if (register == null) {
      return 0;
    }
    return switch (register) {
      case CNTFRQ_EL0 -> frequencyRegister;
      case CNTPCT_EL0, CNTPCTSS_EL0 -> physicalCount();
      case CNTVCT_EL0, CNTVCTSS_EL0 -> virtualCount();
      case CNTVOFF_EL2 -> virtualOffset;
      case CNTP_CTL_EL0 -> physical.control();
      case CNTP_CVAL_EL0 -> physical.compareValue();
      case CNTP_TVAL_EL0 -> physical.timerValue();
      case CNTV_CTL_EL0 -> virtual.control();
      case CNTV_CVAL_EL0 -> virtual.compareValue();
      case CNTV_TVAL_EL0 -> virtual.timerValue();
    };
  }

  /** Writes a register; writes to counters and to registers not owned are dropped. */
  public void write(int systemRegister, long value) {
    TimerRegister register = TimerRegister.of(systemRegister);
    if (register == null) {
      return;
    }
    switch (register) {
      case CNTFRQ_EL0 -> frequencyRegister = value & 0xffff_ffffL;
      case CNTVOFF_EL2 -> setVirtualOffset(value);
      case CNTP_CTL_EL0 -> physical.setControl((int) value);
      case CNTP_CVAL_EL0 -> physical.setCompareValue(value);
      case CNTP_TVAL_EL0 -> physical.setTimerValue((int) value);
      case CNTV_CTL_EL0 -> virtual.setControl((int) value);
      case CNTV_CVAL_EL0 -> virtual.setCompareValue(value);
      case CNTV_TVAL_EL0 -> virtual.setTimerValue((int) value);
      case CNTPCT_EL0, CNTVCT_EL0, CNTPCTSS_EL0, CNTVCTSS_EL0 -> {
        // Counters are read-only.
      }
    }
  }

  public long physicalCount() {
    return clock.nowNanos();
  }

  public long virtualCount() {
    return clock.nowNanos() - virtualOffset;
  }

  private void setVirtualOffset(long offset) {
    virtualOffset = offset;
    virtual.setOffset(offset);
  }

  @Override
  public void save(StateWriter writer) {
    writer.begin("generic-timer", 1).putLong(frequencyRegister).putLong(virtualOffset);
    physical.save(writer);
    virtual.save(writer);
    writer.end();
  }

  @Override
  public void load(StateReader reader) {
    reader.begin("generic-timer", 1);
    frequencyRegister = reader.getLong(0, 0xffff_ffffL, "CNTFRQ");
    virtualOffset = reader.getLong();
    physical.load(reader, 0);
    virtual.load(reader, virtualOffset);
    reader.end();
  }

  /** One CVAL/CTL pair, comparing against virtual time minus an offset. */
  private static final class Comparator {
    private static final int ENABLE = 1;
    private static final int IMASK = 2;
    private static final int ISTATUS = 4;

    private final VirtualClock clock;
    private final EventQueue events;
    private final InterruptLine line;
    private final EventQueue.Event event;
    private long offset;
    private int control;
    private long compareValue;

    Comparator(VirtualClock clock, EventQueue events, InterruptLine line) {
      this.clock = clock;
      this.events = events;
      this.line = line;
      event = events.create(this::update);
    }

    int control() {
      return control | (enabled() && conditionMet() ? ISTATUS : 0);
    }

    void setControl(int value) {
      control = value & (ENABLE | IMASK);
      update();
    }

    long compareValue() {
      return compareValue;
    }

    void setCompareValue(long value) {
      compareValue = value;
      update();
    }

    long timerValue() {
      return compareValue - count() & 0xffff_ffffL;
    }

    /** TVAL is signed 32-bit: a negative value is a deadline in the past. */
    void setTimerValue(int value) {
      setCompareValue(count() + value);
    }

    void setOffset(long value) {
      offset = value;
      update();
    }

    private long count() {
      return clock.nowNanos() - offset;
    }

    private boolean enabled() {
      return (control & ENABLE) != 0;
    }

    private boolean conditionMet() {
      return Long.compareUnsigned(count(), compareValue) >= 0;
    }

    private void update() {
      line.set(enabled() && (control & IMASK) == 0 && conditionMet());
      arm();
    }

    private void arm() {
      events.reschedule(event, deadlineNanos());
    }

    /** When the condition becomes true; only needed while that would raise the line. */
    private long deadlineNanos() {
      if (control != ENABLE || conditionMet()) {
        return EventQueue.NEVER;
      }
      long aheadNanos = compareValue - count(); // unsigned, more than 0
      long now = clock.nowNanos();
      boolean reachable = aheadNanos > 0 && aheadNanos < EventQueue.NEVER - now;
      return reachable ? now + aheadNanos : EventQueue.NEVER;
    }

    void save(StateWriter writer) {
      writer.putByte(control).putLong(compareValue).putBoolean(event.atNanos() <= clock.nowNanos());
    }

    void load(StateReader reader, long loadedOffset) {
      offset = loadedOffset;
      control = reader.getInt8(0, ENABLE | IMASK, "timer control");
      compareValue = reader.getLong();
      boolean dueNow = reader.getBoolean();
      arm();
      if (dueNow) {
        events.reschedule(event, clock.nowNanos());
      }
    }
  }
}
