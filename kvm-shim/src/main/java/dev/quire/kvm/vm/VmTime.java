package dev.quire.kvm.vm;

import dev.quire.emulator.device.EventQueue;
import dev.quire.emulator.device.VirtualClock;
import dev.quire.emulator.exec.ExecutionEngine;

/**
 * Virtual time of a VM and what its in-kernel devices have to do in it: one nanosecond for each
 * instruction that any of its vCPUs retires, plus what is skipped while every vCPU inside KVM_RUN
 * waits. VM thread only.
 */
public final class VmTime implements VirtualClock {
  private final EventQueue events = new EventQueue();
  private long nowNanos;
  private ExecutionEngine running;
  private long runningSince;
  private int inside;
  private int waiting;

  @Override
  public long nowNanos() {
    return running == null ? nowNanos : nowNanos + running.retired() - runningSince;
  }

  /** What devices have to do. */
  public EventQueue events() {
    return events;
  }

  /** A vCPU begins KVM_RUN. */
  public void entered() {
    inside++;
  }

  /** A vCPU's KVM_RUN is over. */
  public void left() {
    inside--;
  }

  /** The core executes from now on, until {@link #stop}. */
  public void start(ExecutionEngine engine) {
    running = engine;
    runningSince = engine.retired();
  }

  /** The core has stopped. */
  public void stop() {
    nowNanos += running.retired() - runningSince;
    running = null;
  }

  /** Until how many retired instructions a core may run so that no event is late. */
  public long deadline(ExecutionEngine engine, long sliceEnd) {
    long next = events.nextDeadlineNanos();
    return next == EventQueue.NEVER
        ? sliceEnd
        : Math.min(sliceEnd, engine.retired() + Math.max(0, next - nowNanos));
  }

  /** Does what is due. */
  public void runDue() {
    events.runDue(nowNanos);
  }

  /** A vCPU waits for an interrupt: with all others waiting too, time goes on to the next event. */
  public void beginWait() {
    waiting++;
  }

  public void endWait() {
    waiting--;
  }

  /**
   * Lets time pass if every vCPU inside KVM_RUN waits.
   *
   * @return whether something happened
   */
  public boolean skip() {
    long next = events.nextDeadlineNanos();
    if (waiting < inside || next == EventQueue.NEVER) {
      return false;
    }
    nowNanos = Math.max(nowNanos, next);
    events.runDue(nowNanos);
    return true;
  }
}
