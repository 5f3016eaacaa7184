package dev.quire.emulator.device.x86;

import dev.quire.emulator.device.EventQueue;
import dev.quire.emulator.device.StateReader;
import dev.quire.emulator.device.StateWriter;
import dev.quire.emulator.device.VirtualClock;

/**
 * The local APIC timer (Intel SDM volume 3, "APIC Timer"): one-shot, periodic and TSC-deadline.
 *
 * <p>Its input clock is 1 GHz of virtual time, so the count falls by one every {@code divide}
 * nanoseconds and the TSC of the vCPU is virtual time plus {@link #setTscOffset}. The count is
 * never stored: it follows from a start time and the count at that time. A one-shot count that
 * reaches 0 stays there; a periodic one is reloaded in the same tick, so it never reads as 0.
 */
final class LapicTimer {
  private static final int ONE_SHOT = 0;
  private static final int PERIODIC = 1;
  private static final int TSC_DEADLINE = 2;

  private final VirtualClock clock;
  private final EventQueue events;
  private final Runnable expired;
  private final EventQueue.Event event;

  private int mode = ONE_SHOT;
  private boolean masked = true;
  private int initialCount;
  private int divideRegister;
  private long startNanos;
  private long startCount;
  private long tscDeadline;
  private long tscOffset;

  LapicTimer(VirtualClock clock, EventQueue events, Runnable expired) {
    this.clock = clock;
    this.events = events;
    this.expired = expired;
    event = events.create(this::fire);
  }

  /** INIT and reset: stopped, one-shot, divide by 2; the TSC runs on. */
  void reset() {
    mode = ONE_SHOT;
    masked = true;
    initialCount = 0;
    divideRegister = 0;
    startCount = 0;
    tscDeadline = 0;
    arm();
  }

  /** LVT timer register bits 17..18 and 16. Changing to or from TSC-deadline mode disarms. */
  void setMode(int newMode, boolean newMasked) {
    int effective = newMode == 3 ? mode : newMode; // 11b is reserved
    settle();
    if (effective != mode && (effective == TSC_DEADLINE || mode == TSC_DEADLINE)) {
      startCount = 0;
      initialCount = 0;
      tscDeadline = 0;
    }
    mode = effective;
    masked = newMasked;
    arm();
  }

  void setInitialCount(int count) {
    if (mode == TSC_DEADLINE) {
      return;
    }
    settle();
    initialCount = count;
    startNanos = clock.nowNanos();
    startCount = count & 0xffff_ffffL;
    arm();
  }

  /** Puts back what the registers show; a count that ran goes on from now. */
  void restore(int newMode, boolean newMasked, int initial, int current, int divide) {
    settle();
    mode = newMode == 3 ? ONE_SHOT : newMode;
    masked = newMasked;
    initialCount = initial;
    divideRegister = divide & 0x0b;
    tscDeadline = 0;
    startNanos = clock.nowNanos();
    startCount = mode == TSC_DEADLINE ? 0 : current & 0xffff_ffffL;
    arm();
  }

  int initialCount() {
    return initialCount;
  }

  /** Divide configuration register; a running count goes on from where it is at the new rate. */
  void setDivide(int register) {
    settle();
    divideRegister = register & 0x0b;
    arm();
  }

  int divideRegister() {
    return divideRegister;
  }

  int currentCount() {
    if (mode == TSC_DEADLINE) {
      return 0;
    }
    return (int) countAt(clock.nowNanos());
  }

  /** IA32_TSC_DEADLINE; reads as 0 when disarmed or not in that mode. */
  long tscDeadline() {
    return tscDeadline;
  }

  /** Arms (or with 0 disarms) the deadline; ignored outside TSC-deadline mode. */
  void setTscDeadline(long tsc) {
    if (mode == TSC_DEADLINE) {
      settle();
      tscDeadline = tsc;
      arm();
    }
  }

  /** TSC minus virtual time, as the guest's writes of IA32_TSC and TSC_ADJUST made it. */
  void setTscOffset(long offset) {
    tscOffset = offset;
    arm();
  }

  private int divide() {
    int code = divideRegister & 3 | divideRegister >>> 1 & 4;
    return code == 7 ? 1 : 2 << code;
  }

  private long countAt(long nanos) {
    long passed = (nanos - startNanos) / divide();
    if (passed < startCount) {
      return startCount - passed;
    }
    long reload = initialCount & 0xffff_ffffL;
    if (mode != PERIODIC || reload == 0 || startCount == 0) {
      return 0;
    }
    return reload - (passed - startCount) % reload;
  }

  /**
   * Makes the count of now the start count, keeping the part of a tick that has passed. An expiry
   * that is due now but has not been run yet is not lost.
   */
  private void settle() {
    long now = clock.nowNanos();
    boolean due = event.atNanos() <= now;
    events.cancel(event);
    long count = countAt(now);
    startNanos = now - (now - startNanos) % divide();
    startCount = count;
    if (due) {
      expire();
    }
  }

  private void arm() {
    events.reschedule(event, deadlineNanos());
  }

  private long deadlineNanos() {
    if (mode == TSC_DEADLINE) {
      // Armed even when masked: expiry disarms the deadline either way.
      return tscDeadline == 0 ? EventQueue.NEVER : tscDeadlineNanos();
    }
    if (masked || startCount == 0) {
      return EventQueue.NEVER;
    }
    return startNanos + startCount * divide();
  }

  /** The TSC is an unsigned 64-bit counter: a deadline it passed is due at once. */
  private long tscDeadlineNanos() {
    long now = clock.nowNanos();
    long tsc = now + tscOffset;
    if (Long.compareUnsigned(tscDeadline, tsc) <= 0) {
      return now;
    }
    long ahead = tscDeadline - tsc;
    return ahead < 0 || ahead > EventQueue.NEVER - 1 - now ? EventQueue.NEVER : now + ahead;
  }

  private void fire() {
    settle();
    expire();
    arm();
  }

  private void expire() {
    if (mode == TSC_DEADLINE) {
      tscDeadline = 0;
    }
    if (!masked) {
      expired.run();
    }
  }

  void save(StateWriter writer) {
    writer.begin("lapic-timer", 1);
    writer.putByte(mode).putBoolean(masked).putInt(initialCount).putByte(divideRegister);
    writer.putLong(startNanos).putLong(startCount).putLong(tscDeadline).putLong(tscOffset).end();
  }

  void load(StateReader reader) {
    reader.begin("lapic-timer", 1);
    mode = reader.getInt8(ONE_SHOT, TSC_DEADLINE, "mode");
    masked = reader.getBoolean();
    initialCount = reader.getInt();
    divideRegister = reader.getByte() & 0x0b;
    startNanos = reader.getLong(0, clock.nowNanos(), "timer start");
    startCount = reader.getLong(0, 0xffff_ffffL, "start count");
    tscDeadline = reader.getLong();
    tscOffset = reader.getLong();
    reader.end();
    arm();
  }
}
