package dev.quire.kvm.vm;

import dev.quire.emulator.exec.ExecutionEngine;
import dev.quire.emulator.vcpu.Vcpu;
import dev.quire.emulator.vcpu.VcpuExit;

/**
 * What KVM_RUN is on every architecture: a vCPU's stay inside it, with its turns, its waits in
 * virtual time and the signal that ends it. VM thread only, but for {@link #signal}.
 */
public abstract class GuestRun implements RunCall {
  /** Events of a turn in which time passes and nothing wakes the vCPU, such as a masked timer's. */
  private static final int MOST_SKIPS = 100;

  private final VmTime time;
  private final Vcpu vcpu;
  private final ExecutionEngine engine;
  private boolean inside;
  private boolean waits;
  private int skips;
  private boolean over;
  private long result;
  private volatile boolean signalled;

  protected GuestRun(VmTime time, Vcpu vcpu) {
    this.time = time;
    this.vcpu = vcpu;
    this.engine = vcpu.engine();
  }

  @Override
  public final void signal() {
    signalled = true;
    engine.kick();
  }

  protected final boolean isSignalled() {
    return signalled;
  }

  @Override
  public final long result() {
    return result;
  }

  @Override
  public final int step(long instructions) {
    skips = 0;
    setRunning(true);
    try {
      return turn(instructions);
    } finally {
      setRunning(false);
    }
  }

  /** Whose accesses devices serve: this vCPU's, or nobody's. */
  protected abstract void setRunning(boolean running);

  /** As {@link #step}. */
  protected abstract int turn(long instructions);

  /** The vCPU is inside KVM_RUN from now on, until {@link #finish}. */
  protected final void enter() {
    inside = true;
    time.entered();
  }

  /** The call is over with this result. */
  protected void finish(long value) {
    endWait();
    if (inside) {
      inside = false;
      time.left();
    }
    result = value;
    over = true;
  }

  protected final boolean isOver() {
    return over;
  }

  /**
   * Has the vCPU wait; time passes if every vCPU does.
   *
   * @return {@link #DONE} if something happened that may have woken it, else what the turn ends
   *     with
   */
  protected final int idle() {
    if (!waits) {
      waits = true;
      time.beginWait();
    }
    if (++skips > MOST_SKIPS) {
      return MORE;
    }
    return time.skip() ? DONE : WAITING;
  }

  private void endWait() {
    if (waits) {
      waits = false;
      time.endWait();
    }
  }

  /** Lets the core execute until then at the latest, and until no event is late. */
  protected final VcpuExit execute(long deadline) {
    endWait();
    time.start(engine);
    try {
      return vcpu.run(time.deadline(engine, deadline));
    } finally {
      time.stop();
    }
  }

  /** The same for what is left of an instruction: nothing new begins. */
  protected final VcpuExit finishInstruction() {
    endWait();
    time.start(engine);
    try {
      return vcpu.run(engine.retired());
    } finally {
      time.stop();
    }
  }
}
