package dev.quire.kvm.x86;

import dev.quire.emulator.device.VirtualClock;
import dev.quire.emulator.exec.ExecutionEngine;

/**
 * Virtual time of a VM: one nanosecond for each instruction that any of its vCPUs retires, plus
 * what is skipped while all of them wait. VM thread only.
 */
public final class VmClock implements VirtualClock {
  private long nowNanos;
  private ExecutionEngine running;
  private long runningSince;

  @Override
  public long nowNanos() {
    return running == null ? nowNanos : nowNanos + running.retired() - runningSince;
  }

  void enter(ExecutionEngine engine) {
    running = engine;
    runningSince = engine.retired();
  }

  void leave() {
    nowNanos += running.retired() - runningSince;
    running = null;
  }

  /** Lets idle time pass. */
  public void skipTo(long nanos) {
    nowNanos = Math.max(nowNanos, nanos);
  }
}
