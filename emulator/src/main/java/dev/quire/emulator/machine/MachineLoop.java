package dev.quire.emulator.machine;

import dev.quire.emulator.device.DeviceBus;
import dev.quire.emulator.device.DeviceState;
import dev.quire.emulator.device.EventQueue;
import dev.quire.emulator.device.StateReader;
import dev.quire.emulator.device.StateWriter;
import dev.quire.emulator.vcpu.Vcpu;
import dev.quire.emulator.vcpu.VcpuExit;
import dev.quire.kernel.kvm.HostEventInjector;
import java.util.List;

/**
 * Gives vCPUs their turns, in order, in slices of virtual time that end exactly at the next event.
 * All on one thread: the core's atomics are not atomic across instances, and order is part of the
 * result.
 */
final class MachineLoop implements DeviceState {
  private static final long NO_SLICE = -1;

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

  /** Instructions left of a turn that a pause or a snapshot cut in two, or {@link #NO_SLICE}. */
  private long sliceRest = NO_SLICE;

  private long pauseAt = Long.MAX_VALUE;
  private boolean pauseAsked;
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

  /** Pauses at the next boundary between instructions; from a callback of a run. */
  void askPause() {
    pauseAsked = true;
  }

  /** Runs to the end. */
  void run() {
    runTo(Long.MAX_VALUE);
  }

  /**
   * Runs until this many instructions have retired, {@link #askPause} or the end. Whoever runs on
   * cannot tell that there was a pause.
   *
   * @return whether the machine paused: all due events have run, no instruction is half done
   */
  boolean runTo(long instructions) {
    pauseAt = instructions;
    pauseAsked = false;
    while (!outcome.decided()) {
      if (sliceRest == NO_SLICE) {
        events.runDue(clock.nowNanos());
        if (isPauseDue()) {
          return true;
        }
        takeTurn();
      } else {
        // The turn that was cut is that of the vCPU whose device accesses were served last.
        runSlice(vcpus.get(power.current()), sliceRest);
      }
      if (sliceRest != NO_SLICE && !outcome.decided()) {
        return true;
      }
    }
    return false;
  }

  private void takeTurn() {
    if (clock.retired() >= maxInstructions) {
      outcome.decide(RunStatus.LIMIT, "%d instructions retired".formatted(clock.retired()));
      return;
    }
    Vcpu next = nextRunnable();
    if (next == null) {
      idle();
    } else {
      idleEvents = 0;
      runSlice(next, pacing.nextSliceInstructions());
    }
  }

  private boolean isPauseDue() {
    return pauseAsked || clock.retired() >= pauseAt;
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
  private void runSlice(Vcpu vcpu, long sliceInstructions) {
    sliceRest = NO_SLICE;
    power.enter(vcpu);
    clock.enter(vcpu.engine());
    try {
      long sliceEnd = vcpu.engine().retired() + sliceInstructions;
      boolean goesOn = true;
      while (goesOn && !outcome.decided()) {
        events.runDue(clock.nowNanos());
        if (isPauseDue() && vcpu.isBetweenInstructions()) {
          sliceRest = Math.max(0, sliceEnd - vcpu.engine().retired());
          return;
        }
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
    long pause = pauseAsked ? 0 : pauseAt - clock.retired();
    long left = Math.max(0, Math.min(maxInstructions - clock.retired(), pause));
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
      case VcpuExit.Client() -> throw new IllegalStateException("a machine has no client");
      case VcpuExit.SliceEnd() -> {
        return vcpu.engine().retired() < sliceEnd && clock.retired() < maxInstructions;
      }
    }
    return true;
  }

  /** Of a paused machine. */
  @Override
  public void save(StateWriter writer) {
    writer.begin("loop", 1).putInt(turn).putInt(idleEvents).putLong(sliceRest).end();
  }

  @Override
  public void load(StateReader reader) {
    reader.begin("loop", 1);
    turn = reader.getInt(0, vcpus.size(), "turn");
    idleEvents = reader.getInt(0, IDLE_EVENTS_BEFORE_HANG, "idle events");
    sliceRest = reader.getLong(NO_SLICE, Long.MAX_VALUE / 2, "rest of the turn");
    reader.end();
    progress = clock.retired();
  }
}
