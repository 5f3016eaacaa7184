package dev.quire.emulator.machine;

import dev.quire.emulator.device.VirtualClock;
import dev.quire.emulator.exec.ExecutionEngine;

/**
 * Virtual time of a machine: one nanosecond for each instruction any of its vCPUs retires, plus
 * what is skipped while all of them wait. Exact inside a device access, since the running engine
 * knows how far it is. Machine thread only.
 */
final class MachineClock implements VirtualClock {
  private long nowNanos;
  private long retired;
  private ExecutionEngine running;
  private long runningSince;

  @Override
  public long nowNanos() {
    return running == null ? nowNanos : nowNanos + running.retired() - runningSince;
  }

  /** Instructions retired by all vCPUs. */
  long retired() {
    return running == null ? retired : retired + running.retired() - runningSince;
  }

  void enter(ExecutionEngine engine) {
    running = engine;
    runningSince = engine.retired();
  }

  void leave() {
    long ran = running.retired() - runningSince;
    nowNanos += ran;
    retired += ran;
    running = null;
  }

  /** Puts back the time of a snapshot; while nothing runs. */
  void restore(long savedNanos, long savedRetired) {
    nowNanos = savedNanos;
    retired = savedRetired;
  }

  /** Lets idle time pass. */
  void skipTo(long nanos) {
    nowNanos = Math.max(nowNanos, nanos);
  }
}
