package dev.quire.emulator.machine;

import dev.quire.emulator.device.DeviceBus;
import dev.quire.emulator.device.EventQueue;
import dev.quire.emulator.vcpu.Vcpu;
import dev.quire.emulator.vcpu.VcpuExit;
import dev.quire.kernel.kvm.HostEventInjector;
import java.util.List;

/**
 * Gives vCPUs their turns, in order, in slices of virtual time that end exactly at the next event.
 * All on one thread: the core's atomics are not atomic across instances, and order is part of the
 * result.
 */
final class MachineLoop {
  private static final int IDLE_EVENTS_BEFORE_HANG = 1_000_000;

  private final List<Vcpu> vcpus;
  private final PowerStates power;
  private final MachineClock clock;
  private final EventQueue events;
  private final DeviceBus bus;
  private final Outcome outcome;

  /** Null on a host that leaves the guest alone. */
  private final HostEventInjector hostEvents;

  private final Pacing pacing;
  private final long maxInstructions;
  private int turn;
  private int idleEvents;
  private volatile long progress;

  MachineLoop(List<Vcpu> vcpus, MachineParts parts, Pacing pacing) {
    this.pacing = pacing;
    this.vcpus = vcpus;
    this.power = parts.power();
    this.clock = parts.clock();
    this.events = parts.events();
    this.bus = parts.bus();
    this.outcome = parts.outcome();
    this.hostEvents = parts.host().events();
    this.maxInstructions = parts.config().maxInstructions();
  }

  /** About how many instructions have retired; from any thread. */
  long progress() {
    return progress;
  }

  void run() {
    while (!outcome.decided()) {
      events.runDue(clock.nowNanos());
      if (clock.retired() >= maxInstructions) {
        outcome.decide(RunStatus.LIMIT, "%d instructions retired".formatted(clock.retired()));
        return;
      }
      Vcpu next = nextRunnable();
      if (next == null) {
        idle();
      } else {
        idleEvents = 0;
        runSlice(next);
      }
    }
  }

  private Vcpu nextRunnable() {
    for (int i = 0; i < vcpus.size(); i++) {
      Vcpu candidate = vcpus.get((turn + i) % vcpus.size());
      if (power.runnable(candidate)) {
        turn = candidate.index() + 1;
        return candidate;
      }
    }
    return null;
  }

  private void idle() {
    long next = events.nextDeadlineNanos();
    if (next == EventQueue.NEVER || ++idleEvents > IDLE_EVENTS_BEFORE_HANG) {
      outcome.decide(
          RunStatus.HANG,
          "every vCPU waits and nothing is left to wake one (vCPU 0 at pc 0x%x)"
              .formatted(vcpus.getFirst().cpu().pc()));
      return;
    }
    clock.skipTo(next);
  }

  /** Runs a vCPU until its slice ends; device accesses are answered inside the slice. */
  private void runSlice(Vcpu vcpu) {
    power.enter(vcpu);
    clock.enter(vcpu.engine());
    try {
      long sliceEnd = vcpu.engine().retired() + pacing.nextSliceInstructions();
      boolean goesOn = true;
      while (goesOn && !outcome.decided()) {
        events.runDue(clock.nowNanos());
        if (hostEvents != null) {
          hostEvents.runDue(clock.retired());
        }
        goesOn = power.runnable(vcpu) && handle(vcpu, vcpu.run(deadline(vcpu, sliceEnd)), sliceEnd);
      }
    } finally {
      clock.leave();
      progress = clock.retired();
      pacing.afterSlice(vcpu);
    }
  }

  private long deadline(Vcpu vcpu, long sliceEnd) {
    long retired = vcpu.engine().retired();
    long left = maxInstructions - clock.retired();
    long deadline = left < sliceEnd - retired ? retired + left : sliceEnd;
    if (hostEvents != null) {
      deadline = Math.min(deadline, retired + hostEvents.nextAt() - clock.retired());
    }
    long event = events.nextDeadlineNanos();
    return event == EventQueue.NEVER
        ? deadline
        : Math.min(deadline, retired + Math.max(0, event - clock.nowNanos()));
  }

  private boolean handle(Vcpu vcpu, VcpuExit exit, long sliceEnd) {
    switch (exit) {
      case VcpuExit.Io io when io.in() -> vcpu.complete(bus.readPort(io.port(), io.bytes()));
      case VcpuExit.Io io -> bus.writePort(io.port(), io.bytes(), io.data());
      case VcpuExit.Mmio mmio when mmio.write() -> bus.write(mmio.gpa(), mmio.bytes(), mmio.data());
      case VcpuExit.Mmio mmio -> vcpu.complete(bus.read(mmio.gpa(), mmio.bytes()));
      case VcpuExit.Hlt() -> {
        power.halt(vcpu);
        return false;
      }
      case VcpuExit.Intr() -> outcome.kicked();
      case VcpuExit.Shutdown(String reason) -> outcome.decide(RunStatus.TRIPLE_FAULT, reason);
      case VcpuExit.Livelock(String reason) -> outcome.decide(RunStatus.HANG, reason);
      case VcpuExit.HandlerDead(String reason) -> {
        // Told to end from outside, a machine stops waiting for its handler: that came first.
        outcome.kicked();
        outcome.decide(RunStatus.HANDLER_DEAD, reason);
      }
      case VcpuExit.InternalError(String reason) -> outcome.decide(RunStatus.PANIC, reason);
      case VcpuExit.SliceEnd() -> {
        return vcpu.engine().retired() < sliceEnd && clock.retired() < maxInstructions;
      }
    }
    return true;
  }
}
