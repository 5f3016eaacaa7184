package dev.quire.lab.replay;

import dev.quire.kvm.vm.RunCall;

/**
 * A call on a vCPU under way: it takes turns with those on other vCPUs, and looks again what it
 * waits for whenever something has happened.
 */
final class TurnExecution extends Execution {
  /** Of one turn. */
  private static final long INSTRUCTIONS = 100_000;

  /** Turns that one operation gives a guest: a loop without end is not worth waiting for. */
  private static final int MOST_TURNS = 3000;

  private final SessionProcess actor;
  private final RunCall call;
  private final Report report;

  /** Until the signal comes, or -1 if none does. */
  private long turnsToSignal;

  private int turns;
  private int state = RunCall.MORE;
  private boolean happened;

  /** Tells what the call returned. */
  interface Report {
    void tell(Answer answer, long result);
  }

  TurnExecution(SessionProcess actor, RunCall call, Report report) {
    super(actor);
    this.actor = actor;
    this.call = call;
    this.report = report;
    turnsToSignal = -1;
  }

  /** A signal comes after so many nanoseconds of a processor that runs one instruction in each. */
  TurnExecution signalledAfter(long instructions) {
    turnsToSignal = instructions / INSTRUCTIONS;
    return this;
  }

  @Override
  boolean advance(Answer answer) {
    actor.current();
    happened = false;
    if (turnsToSignal == 0) {
      call.signal();
    }
    turnsToSignal -= turnsToSignal >= 0 ? 1 : 0;
    turns++;
    state = call.step(INSTRUCTIONS);
    if (state == RunCall.WAITING && turnsToSignal >= 0) {
      // Nothing else happens until then.
      turnsToSignal = 0;
      happened = true;
    }
    if (state == RunCall.DONE) {
      report.tell(answer, call.result());
    }
    return state == RunCall.DONE;
  }

  @Override
  boolean step(Answer answer, long resumed) {
    throw new IllegalStateException("takes turns");
  }

  @Override
  boolean woken() {
    return turns < MOST_TURNS && (state == RunCall.MORE || happened);
  }

  @Override
  boolean progressed() {
    return state != RunCall.WAITING;
  }

  @Override
  void somethingHappened() {
    happened = true;
  }

  @Override
  void nextOperation() {
    turns = 0;
    happened = true;
  }

  @Override
  void cancel() {
    call.signal();
    while (call.step(INSTRUCTIONS) == RunCall.MORE) {
      call.signal();
    }
  }
}
