package dev.quire.lab.replay;

import dev.quire.kernel.mm.Process;
import dev.quire.kernel.mm.UffdWait;

/** A call of a session under way. Nothing waits in Java: a call that must wait is gone on with. */
abstract class Execution {
  private final SessionProcess actor;
  private UffdWait wait;

  Execution(SessionProcess actor) {
    this.actor = actor;
  }

  /**
   * Goes on until the call ends or must wait.
   *
   * @param answer gets what is to be observed
   * @return whether it has ended
   */
  boolean advance(Answer answer) {
    actor.current();
    long resumed = wait == null ? Process.REPEAT : wait.resume();
    boolean ended = resumed != Process.BLOCKED && step(answer, resumed);
    wait = ended ? null : actor.process().blockedOn();
    return ended;
  }

  /** Whether it has something to go on with after it had to wait. */
  boolean woken() {
    return wait.woken();
  }

  /** Whether the last step did anything that others may wait for. */
  boolean progressed() {
    return true;
  }

  /** Somebody else did something, while this waits. */
  void somethingHappened() {}

  /** The script's next operation runs. */
  void nextOperation() {}

  /** Who made the call is gone. */
  void cancel() {
    wait.cancel();
  }

  /**
   * Does what there is to do.
   *
   * @param resumed {@link Process#REPEAT} to make the call, or what is left of it, (again); else
   *     what the call answers after its wait
   * @return false if the process blocks
   */
  abstract boolean step(Answer answer, long resumed);
}
